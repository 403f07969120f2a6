package udp

import (
	"net"
	"strconv"
)

// zones remembers the names of the interfaces that link-local addresses belong to. It belongs to one goroutine. There are as many
// entries as interfaces that were used.
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
	z.remember(index, name)
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
	z.remember(uint32(index), name)
	return uint32(index)
}

func (z *zones) remember(index uint32, name string) {
	if z.names == nil {
		z.names, z.indices = make(map[uint32]string), make(map[string]uint32)
	}
	z.names[index], z.indices[name] = name, index
}
