package udp

import (
	"net"
	"strconv"
)

// zones remembers the names of the interfaces that link-local addresses belong to. It belongs to one goroutine. There are as many
// entries as interfaces that were used, and names for them.
type zones struct {
	names   map[uint32]string
	indices map[string]uint32
}

// name gives the zone of an interface as package net writes it: its name, or the index if it has none.
func (z *zones) name(index uint32) string {
	if name, known := z.names[index]; known {
		return name
	}
	name := strconv.FormatUint(uint64(index), 10)
	if found, err := net.InterfaceByIndex(int(index)); err == nil {
		name = found.Name
	}
	if z.names == nil {
		z.names = make(map[uint32]string)
	}
	z.names[index] = name
	return name
}

// index gives the interface of a zone, which may be the index in digits; zero if there is no such interface.
func (z *zones) index(name string) uint32 {
	if index, known := z.indices[name]; known {
		return index
	}
	index, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		found, err := net.InterfaceByName(name)
		if err != nil {
			return 0
		}
		index = uint64(found.Index)
	}
	if z.indices == nil {
		z.indices = make(map[string]uint32)
	}
	z.indices[name] = uint32(index)
	return uint32(index)
}
