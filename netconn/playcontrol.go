package netconn

import "afterglow/streams"

// pause stops a live stream, and goes on with what is live then.
func (s *Stream) pause(cmd *command) error {
	p := s.playing
	if p == nil {
		return nil
	}
	on := truth(cmd.arg(0), true)
	changed := p.pausing != on
	p.pausing = on
	if on {
		p.hold(true)
	}
	if cmd.name == "pause" {
		code := PauseNotify
		if !on {
			code = UnpauseNotify
		}
		s.status(Status{Code: code, Details: p.item.name})
	}
	if changed && !on {
		// What is sent now may take media along, which belongs behind it.
		s.status(Status{Code: PlayStart, Details: p.item.name})
		p.hold(false)
		s.conn.transport.Pull()
	}
	return nil
}

// hold stops the media, or lets it go on where newcomers start.
func (p *player) hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = on
	if !on {
		p.held, p.holding = streams.Item{}, false // older than where the subscriber goes
		p.sub.Resume()
	}
}

// seek is for recorded streams.
func (s *Stream) seek(*command) error {
	if p := s.playing; p != nil {
		s.status(Status{Code: SeekFailed, Details: p.item.name})
	}
	return nil
}

func (s *Stream) receiveAudio(cmd *command) error {
	on := truth(cmd.arg(0), true)
	s.noAudio = !on
	s.receive(func(sub *streams.Subscriber) { sub.SetAudio(on) }, on)
	return nil
}

// receiveVideo turns video off and on. A number is a frame rate, of which only zero differs from on.
func (s *Stream) receiveVideo(cmd *command) error {
	on := truth(cmd.arg(0), true)
	s.noVideo = !on
	s.receive(func(sub *streams.Subscriber) { sub.SetVideo(on) }, on)
	return nil
}

// receive changes what is received; turning something on is told like a seek (RTMP 1.0 sections 7.2.2.4 and 7.2.2.5).
func (s *Stream) receive(change func(*streams.Subscriber), on bool) {
	p := s.playing
	if p == nil {
		return
	}
	if on {
		// Media goes on behind the notices, and none that comes meanwhile is passed over.
		p.turn(true, func(*streams.Subscriber) {})
		s.status(Status{Code: SeekNotify, Details: p.item.name})
		s.status(Status{Code: PlayStart, Details: p.item.name})
	}
	p.turn(false, change)
	s.conn.transport.Pull()
}

// turn changes what is received, and whether anything is pulled.
func (p *player) turn(begin bool, change func(*streams.Subscriber)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turning = begin
	change(p.sub)
}
