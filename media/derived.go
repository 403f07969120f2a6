package media

// form is one derived form of a packet; the list only grows, at its head.
type form struct {
	key, value any
	next       *form
}

// Derived returns the form of the packet that was stored under key with
// [Packet.Derive], or nil. It takes no lock and allocates nothing where key is a pointer.
func (p *Packet) Derived(key any) any {
	return lookup(p.forms.Load(), key)
}

// Derive stores value under key unless something is stored there, and returns
// what is stored now: of several goroutines that make the same form at the same
// time all get the first one. The key must be comparable, best a pointer; the
// list is searched from one end to the other, so keys should be few. A form
// lives as long as its packet.
func (p *Packet) Derive(key, value any) any {
	var added *form
	for {
		head := p.forms.Load()
		if stored := lookup(head, key); stored != nil {
			return stored
		}
		if added == nil {
			added = &form{key: key, value: value}
		}
		added.next = head
		if p.forms.CompareAndSwap(head, added) {
			return value
		}
	}
}

func lookup(list *form, key any) any {
	for f := list; f != nil; f = f.next {
		if f.key == key {
			return f.value
		}
	}
	return nil
}
