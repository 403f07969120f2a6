package bench

type phase uint8

const (
	phaseConnecting phase = iota
	phaseHandshaking
	phaseCommanding
	phasePlaying
	phaseEnded
)

// viewer is the half of a player that looks at frames, whatever brings them.
type viewer struct {
	crowd *crowd
	role  role
	phase phase

	started  int64 // when the connection was begun
	playSent int64
	received uint64 // bytes in all

	pictured bool
	pictures int64 // time of the last one
	tracks   [2]sequence
	reason   error // for which it ended
}

// sequence is what a player knows of one kind of frames.
type sequence struct {
	next  uint64
	seen  bool
	given bool // the sender has said that it gave something up since the last frame
}

// playing says that the last command has gone out.
func (v *viewer) playing() { v.phase, v.playSent = phasePlaying, monotonic() }

// givenUp says that the sender has given up messages, of whatever kind, before what comes next.
func (v *viewer) givenUp() {
	for i := range v.tracks {
		v.tracks[i].given = true
	}
}

// media counts an audio or video message.
func (v *viewer) media(kind byte, length int, head []byte) {
	st, now := &v.crowd.stats, v.crowd.now
	st.count(now, length)
	if kind == typeVideo && codedPicture(head) {
		v.picture(head[0])
	}
	stamp, ok := findStamp(kind, head)
	if !ok {
		return
	}
	t := &v.tracks[track(kind)]
	switch {
	case !t.seen || stamp.Sequence == t.next:
	case stamp.Sequence < t.next:
		if v.role == innocent {
			st.repeated(stamp)
		}
		return
	case v.role == innocent:
		st.gap(track(kind), stamp, stamp.Sequence-t.next, t.given)
	}
	*t = sequence{next: stamp.Sequence + 1, seen: true}
	if v.role == innocent {
		st.arrived(now, stamp, length)
	}
}

// codedPicture says whether a video message holds a picture, not configuration or the like.
func codedPicture(head []byte) bool {
	if len(head) < 2 {
		return false
	}
	if head[0]&0x80 != 0 {
		packet := rtmpPacketType(head[0])
		return packet == 1 || packet == 3
	}
	return head[0]&0x0f != 7 || head[1] == 1
}

func rtmpPacketType(b byte) byte { return b & 0x0f }

func (v *viewer) picture(first byte) {
	c := v.crowd
	if !v.pictured {
		if first>>4&7 != 1 {
			return
		}
		v.pictured = true
		c.joined(v)
	}
	if v.role == innocent && v.pictures > 0 {
		c.stats.silence(v.pictures, c.now)
	}
	v.pictures = c.now
}
