package netconn

// Hold keeps the client's messages waiting, as they do behind an open question, until Release is called as often: whoever has more to
// do for the client than it can keep up with slows the client down in this way. Called from a method of the Handler it holds
// everything behind the message that the method is about; answers, calls and what else goes to the client are not held.
func (c *Conn) Hold() { c.exec.ask() }

// Release takes a Hold back. It may be called from any goroutine, and after the end of the connection.
func (c *Conn) Release() { c.do(c.exec.answered) }
