package netconn

import (
	"sync"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/streams"
)

// maxPlaylist is how many items a client can queue behind what it plays.
const maxPlaylist = 64

// playItem is one play command.
type playItem struct {
	name     string
	query    string
	start    float64
	duration float64
	reset    bool
}

// player is what a stream that plays has. The transport pulls from it; everything else is the connection's affair, so
// that the two meet under mu.
type player struct {
	stream *Stream
	item   playItem
	viewer media.Viewer
	amf3   bool
	feed   any

	pausing bool // as the client wants it; one of the connection's affairs

	mu          sync.Mutex
	sub         *streams.Subscriber
	paused      bool
	turning     bool // what is received changes: nothing is pulled
	ended       bool
	unsupported bool // the client has been told
	single      bool // the first picture is all that the client wants
	held        streams.Item
	holding     bool
	missed      uint64    // media that the subscriber has skipped
	skipped     uint64    // of it, what the client knows of
	warned      time.Time // when it was last told
	timer       *time.Timer
}

// play asks the Handler for a stream (RTMP 1.0 section 7.2.2.1). Its times are milliseconds, whatever that section
// says; -2 and -1 come plain and in thousands.
func (s *Stream) play(cmd *command) error {
	full, named := cmd.arg(0).(string)
	if !named || full == "" {
		if s.publishing == nil {
			s.stopAndTell()
		}
		return nil
	}
	item := playItem{start: playStart(cmd.numberArg(1, PlayLiveOrRecorded)), duration: playDuration(cmd.numberArg(2, -1))}
	item.name, item.query = splitName(full)
	item.reset = true
	switch v := cmd.arg(3).(type) {
	case bool:
		item.reset = v
	case float64:
		item.reset = v == 1 || v == 3
	}
	if !item.reset && s.playing != nil {
		s.enqueue(item)
		return nil
	}
	s.end()
	s.begin(item)
	return nil
}

func playStart(v float64) float64 {
	switch {
	case v >= 0:
		return v
	case v == -1 || v == -1000:
		return PlayLive
	}
	return PlayLiveOrRecorded
}

// maxDuration is what a duration may be, in milliseconds; what is longer has no end.
const maxDuration = 1e12

func playDuration(v float64) float64 {
	if v >= 0 && v <= maxDuration {
		return v
	}
	return -1
}

// begin starts an item of the playlist.
func (s *Stream) begin(item playItem) {
	c := s.conn
	switch {
	case item.name == "" || len(item.name) > maxName:
		s.deny(Status{Code: PlayFailed, Description: nameRule})
		s.nextItem()
		return
	case len(item.query) > maxQuery:
		s.deny(Status{Code: PlayFailed, Description: queryRule})
		s.nextItem()
		return
	case !Covers(c.Rights().Read, item.name):
		s.deny(Status{Code: PlayFailed, Description: "No read access to " + item.name + ".", Details: item.name})
		s.nextItem()
		return
	case item.start >= 0:
		s.deny(Status{Code: PlayStreamNotFound, Details: item.name})
		s.nextItem()
		return
	}
	c.exec.ask()
	s.asked++
	question := s.asked
	reply := NewReply(func(a PlayAnswer) {
		c.do(func() { s.played(question, item, a) })
	})
	reply.otherwise(c.config.QuestionTimeout, PlayAnswer{Err: ErrTimeout})
	c.handler.Play(c, PlayRequest{Stream: s, Name: item.name, Query: item.query, Start: item.start, Duration: item.duration}, reply)
}

// played says what Adobe's server says before the first frame, and lets the transport pull.
func (s *Stream) played(question uint64, item playItem, a PlayAnswer) {
	c := s.conn
	c.exec.answered()
	if c.gone || c.closing || question != s.asked {
		dropped(nil, a.Subscriber)
		return
	}
	if a.Err == nil && a.Subscriber == nil {
		a.Err = errNothing
	}
	if a.Err != nil {
		s.status(statusOf(a.Err, PlayFailed, item.name))
		s.nextItem()
		return
	}
	sub := a.Subscriber
	sub.SetAudio(!s.noAudio)
	sub.SetVideo(!s.noVideo)
	p := &player{stream: s, item: item, viewer: c.viewer, amf3: c.encoding() == AMF3, feed: sub.Feed(), sub: sub}
	s.playing = p
	c.transmit(userControl(eventStreamBegin, s.id), ClassControl)
	if item.reset {
		s.status(Status{Code: PlayReset, Details: item.name})
	}
	s.status(Status{Code: PlayStart, Details: item.name})
	rights := c.Rights()
	s.sendData("|RtmpSampleAccess", Covers(rights.AudioSample, item.name), Covers(rights.VideoSample, item.name))
	s.sendData("onStatus", amf.NewObject(amf.Property{Name: "code", Value: string(DataStart)}))
	p.single = item.duration == 0 && sub.Published()
	if item.duration >= 0 && !p.single {
		p.timer = time.AfterFunc(time.Duration(item.duration)*time.Millisecond, func() { c.do(func() { s.itemOver(p) }) })
	}
	d := c.delivery
	d.Lifetimes = d.Lifetimes.override(item.query)
	p.attach(d)
}

func (s *Stream) sendData(values ...amf.Value) {
	if m, err := dataMessage(s.id, 0, values...); err == nil {
		s.conn.transmit(m, ClassData)
	}
}

// itemOver goes to the next item of the playlist, or stops.
func (s *Stream) itemOver(p *player) {
	if s.playing != p {
		return
	}
	if len(s.playlist) == 0 {
		s.stopAndTell()
		return
	}
	s.stop()
	s.nextItem()
}

// nextItem begins what the playlist has, now that the item before it is over or could not be played.
func (s *Stream) nextItem() {
	if len(s.playlist) == 0 || s.conn.closing {
		return
	}
	next := s.playlist[0]
	s.playlist = s.playlist[1:]
	s.begin(next)
}

func (s *Stream) stopAndTell() {
	if p := s.playing; p != nil {
		s.stop()
		s.conn.transmit(userControl(eventStreamEOF, s.id), ClassControl)
		s.status(Status{Code: PlayStop, Details: p.item.name})
	}
}

// stop ends playing without a word.
func (s *Stream) stop() {
	p := s.playing
	if p == nil {
		return
	}
	s.playing = nil
	s.conn.transport.Detach(s.id)
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.sub.Close()
}

// enqueue appends to the playlist. What would be refused for its size when its turn comes is refused now: a playlist is kept.
func (s *Stream) enqueue(item playItem) {
	switch {
	case len(item.name) > maxName:
		s.deny(Status{Code: PlayFailed, Description: nameRule})
	case len(item.query) > maxQuery:
		s.deny(Status{Code: PlayFailed, Description: queryRule})
	case len(s.playlist) < maxPlaylist:
		s.playlist = append(s.playlist, item)
	}
}

func (p *player) attach(d Delivery) {
	w := p.stream.conn.transport.Attach(p.stream.id, p, d)
	p.mu.Lock()
	p.sub.SetWaker(w)
	p.mu.Unlock()
	p.stream.conn.transport.Pull()
}

// Feed identifies the stream that is played.
func (p *player) Feed() any { return p.feed }

// Next gives the transport the next packet in the client's form, or a notice that belongs between packets.
func (p *player) Next(int) (Out, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.paused && !p.turning && !p.ended && p.stream.conn.mayPull() {
		item, ok := p.next()
		if !ok {
			return Out{}, false
		}
		if p.fellBehind() {
			p.held, p.holding = item, true
			return p.message(Status{Code: PlayInsufficientBW, Details: p.item.name})
		}
		if item.Event != streams.EventNone {
			if p.single && item.Event == streams.EventUnpublish {
				p.over()
			}
			return p.notice(item.Event)
		}
		if p.single && !p.singled(item.Packet) {
			continue
		}
		if q, ok := p.form(item.Packet); ok {
			p.took(len(q.Payload))
			return Out{Packet: q}, true
		}
		if !p.unsupported && p.cannotPlay(item.Packet) {
			p.unsupported = true
			return p.message(Status{Code: PlayNoSupportedTrackFound, Details: p.item.name,
				Description: p.item.name + " is in " + item.Packet.Codec.String() + ", which the client does not support."})
		}
	}
	return Out{}, false
}

// next is what was held back for a notice, or the subscriber's next.
func (p *player) next() (streams.Item, bool) {
	if p.holding {
		item := p.held
		p.held, p.holding = streams.Item{}, false
		return item, true
	}
	return p.sub.Next()
}

// warnEvery is how often a client that is too slow is told.
const warnEvery = 5 * time.Second

// fellBehind says that media was skipped and that it is time to tell the client.
func (p *player) fellBehind() bool {
	n := p.sub.Skipped()
	p.stream.conn.counts.dropped.Add(n - p.missed)
	p.missed = n
	if n == p.skipped {
		return false
	}
	now := time.Now()
	if !p.warned.IsZero() && now.Sub(p.warned) < warnEvery {
		return false
	}
	p.skipped, p.warned = n, now
	return true
}

// cannotPlay says that the client cannot follow the default track. A packet that merely has no form for the client,
// such as another track or Enhanced metadata, is no loss worth an error: players end at one.
func (p *player) cannotPlay(packet *media.Packet) bool {
	return packet.Kind != media.KindData && packet.Err == nil && packet.Info.Track == 0 && !p.viewer.CanPlay(packet.Codec)
}

func (p *player) form(packet *media.Packet) (*media.Packet, bool) {
	if packet.Kind == media.KindData {
		if p.amf3 {
			return packet, true
		}
		return toAMF0(packet)
	}
	return p.viewer.Form(packet)
}

func (p *player) notice(e streams.Event) (Out, bool) {
	p.unsupported = false
	code := PlayPublishNotify
	if e == streams.EventUnpublish {
		code = PlayUnpublishNotify
	}
	out, ok := p.message(Status{Code: code, Details: p.item.name})
	out.InPlace = true
	return out, ok
}

func (p *player) message(s Status) (Out, bool) {
	c := p.stream.conn
	m, err := commandMessage(c.encoding(), p.stream.id, "onStatus", 0, nil, s.object(c.id))
	return Out{Message: &m}, err == nil
}
