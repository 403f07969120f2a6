package rtmfp

// SessionFuncs is a [SessionHandler] of functions, any of which may be nil. Without OnFlow all flows are rejected.
type SessionFuncs struct {
	OnOpened func(*Session)
	OnFlow   func(*ReceiveFlow) FlowHandler
	OnMoved  func(s *Session, before Path)
	OnClosed func(*Session, error)
}

// Opened implements SessionHandler.
func (f SessionFuncs) Opened(s *Session) {
	if f.OnOpened != nil {
		f.OnOpened(s)
	}
}

// Flow implements SessionHandler.
func (f SessionFuncs) Flow(flow *ReceiveFlow) FlowHandler {
	if f.OnFlow == nil {
		return nil
	}
	return f.OnFlow(flow)
}

// Moved implements SessionHandler.
func (f SessionFuncs) Moved(s *Session, before Path) {
	if f.OnMoved != nil {
		f.OnMoved(s, before)
	}
}

// Closed implements SessionHandler.
func (f SessionFuncs) Closed(s *Session, err error) {
	if f.OnClosed != nil {
		f.OnClosed(s, err)
	}
}

// FlowFuncs is a [FlowHandler] of functions, any of which may be nil.
type FlowFuncs struct {
	OnMessage func(*ReceiveFlow, Message)
	OnEnded   func(*ReceiveFlow, error)
}

// Message implements FlowHandler.
func (f FlowFuncs) Message(flow *ReceiveFlow, m Message) {
	if f.OnMessage != nil {
		f.OnMessage(flow, m)
	}
}

// Ended implements FlowHandler.
func (f FlowFuncs) Ended(flow *ReceiveFlow, err error) {
	if f.OnEnded != nil {
		f.OnEnded(flow, err)
	}
}

// SendFuncs is a [SendHandler] of functions, any of which may be nil.
type SendFuncs struct {
	OnWritable func(*SendFlow)
	OnSettled  func(f *SendFlow, id MessageID, delivered bool)
	OnEnded    func(*SendFlow, error)
}

// Writable implements SendHandler.
func (f SendFuncs) Writable(flow *SendFlow) {
	if f.OnWritable != nil {
		f.OnWritable(flow)
	}
}

// Settled implements SendHandler.
func (f SendFuncs) Settled(flow *SendFlow, id MessageID, delivered bool) {
	if f.OnSettled != nil {
		f.OnSettled(flow, id, delivered)
	}
}

// Ended implements SendHandler.
func (f SendFuncs) Ended(flow *SendFlow, err error) {
	if f.OnEnded != nil {
		f.OnEnded(flow, err)
	}
}
