package bench

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"afterglow/amf"
	"afterglow/rtmp"
)

// AMF0 and AMF3 markers that the attacks build upon by hand: no encoder makes what they need.
const (
	amf0Object, amf0ECMAArray, amf0StrictArray, amf0LongString, amf0AVMPlus = 0x03, 0x08, 0x0a, 0x0c, 0x11
	amf3Array, amf3Object, amf3ByteArray, amf3VectorInt, amf3VectorObject   = 0x09, 0x0a, 0x0c, 0x0d, 0x10
	amf3String, amf3Dictionary, amf3XML, amf3Date                           = 0x06, 0x11, 0x0b, 0x08
)

// value is a value in bytes, for a message in AMF0 or in AMF3.
type value struct {
	name string
	amf3 bool
	b    []byte
}

// nested returns values that are so deep.
func nested(depth int) []value {
	deep := func(level string) []byte { return bytes.Repeat([]byte(level), depth) }
	in3 := func(level string) []byte { return append([]byte{amf0AVMPlus}, deep(level)...) }
	return []value{
		{"AMF0 objects", false, deep("\x03\x00\x01a")},
		{"AMF0 strict arrays", false, deep("\x0a\x00\x00\x00\x01")},
		{"AMF0 ECMA arrays", false, deep("\x08\x00\x00\x00\x01\x00\x01a")},
		{"AMF3 arrays", true, in3("\x09\x03\x01")},
		{"AMF3 objects", true, in3("\x0a\x0b\x01\x03a")},
		{"AMF3 vectors", true, in3("\x10\x03\x00\x01")},
		{"AMF3 dictionaries", true, in3("\x11\x03\x00")},
		{"AMF0 in which AMF3 begins again and again", false, deep("\x11\x0a\x0b\x01\x03a\x11")},
	}
}

// hugeCounts returns values that claim as much as their fields can say, and hold next to nothing.
func hugeCounts() []value {
	const u29 = "\xff\xff\xff\xff" // 2^29-1: a literal of 2^28-1 elements
	in3 := func(marker byte, rest string) []byte { return append([]byte{amf0AVMPlus, marker}, rest...) }
	return []value{
		{"AMF0 strict array", false, []byte{amf0StrictArray, 0xff, 0xff, 0xff, 0xff, 5}},
		{"AMF0 ECMA array", false, []byte{amf0ECMAArray, 0xff, 0xff, 0xff, 0xff, 0, 1, 'a', 5}},
		{"AMF0 long string", false, []byte{amf0LongString, 0xff, 0xff, 0xff, 0xff, 'a'}},
		{"AMF0 reference", false, []byte{0x07, 0xff, 0xff}},
		{"AMF3 array", true, in3(amf3Array, u29+"\x01\x01")},
		{"AMF3 object with as many sealed members", true, in3(amf3Object, u29+"\x01\x03a")},
		{"AMF3 string", true, in3(amf3String, u29+"a")},
		{"AMF3 XML", true, in3(amf3XML, u29+"a")},
		{"AMF3 byte array", true, in3(amf3ByteArray, u29+"a")},
		{"AMF3 vector of int", true, in3(amf3VectorInt, u29+"\x00\x00\x00\x00\x01")},
		{"AMF3 vector of objects", true, in3(amf3VectorObject, u29+"\x00\x01\x01")},
		{"AMF3 dictionary", true, in3(amf3Dictionary, u29+"\x00\x01")},
		{"AMF3 object reference", true, in3(amf3Object, "\xff\xff\xff\xfe")},
		{"AMF3 date reference", true, in3(amf3Date, "\xff\xff\xff\xfe")},
	}
}

// stringExpansion is an AMF3 array that names one string of 64 KB as often as another 64 KB can.
func stringExpansion() []byte {
	const times = 60_000
	b := []byte{amf0AVMPlus, amf3Array}
	b = appendU29(b, times<<1|1)
	b = append(b, 0x01, amf3String)
	b = appendU29(b, (64<<10)<<1|1)
	b = append(b, bytes.Repeat([]byte("x"), 64<<10)...)
	return append(b, bytes.Repeat([]byte{amf3String, 0}, times-1)...)
}

// sharedArrays is an AMF3 value of 60 arrays, each of which holds the one before twice: 2^60 paths.
func sharedArrays() []byte {
	b := []byte{amf0AVMPlus}
	for range 60 {
		b = append(b, amf3Array, 2<<1|1, 0x01)
	}
	b = append(b, 0x01, 0x01)
	for i := range 59 {
		b = append(b, amf3Array)
		b = appendU29(b, uint32(59-i)<<1)
	}
	return b
}

// appendU29 appends an integer of one to four bytes (AMF3 1.3.1).
func appendU29(b []byte, n uint32) []byte {
	switch {
	case n < 1<<7:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, byte(n>>7)|0x80, byte(n)&0x7f)
	case n < 1<<21:
		return append(b, byte(n>>14)|0x80, byte(n>>7)|0x80, byte(n)&0x7f)
	}
	return append(b, byte(n>>22)|0x80, byte(n>>15)|0x80, byte(n>>8)|0x80, byte(n))
}

// commandOf is a command whose object is the value; dataOf a data message that brings it.
func commandOf(name string, v value) rtmp.Message {
	head, _ := amf.Append0(nil, name, 1.0)
	m := rtmp.Message{Type: rtmp.TypeCommandAMF0, Payload: slices.Concat(head, v.b)}
	if v.amf3 {
		m.Type, m.Payload = rtmp.TypeCommandAMF3, slices.Concat([]byte{0}, m.Payload)
	}
	return m
}

func dataOf(streamID uint32, v value) rtmp.Message {
	head, _ := amf.Append0(nil, "onAbuse")
	m := rtmp.Message{Type: rtmp.TypeDataAMF0, StreamID: streamID, Payload: slices.Concat(head, v.b)}
	if v.amf3 {
		m.Type, m.Payload = rtmp.TypeDataAMF3, slices.Concat([]byte{0}, m.Payload)
	}
	return m
}

const (
	deep    = 1_000_000
	fitting = 120_000 // levels that fit into what a server may take from a client that does not publish
)

// amfAttacks go against whoever decodes values.
var amfAttacks = []Attack{
	{
		Name: "amf-deep-connect", About: "connect with objects, arrays, vectors and dictionaries nested 120,000 and a million deep, AMF0 and AMF3",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.values(slices.Concat(nested(fitting), nested(deep)), func(v value) error {
				x, err := a.shake(ctx)
				if err != nil {
					return err
				}
				return x.send(commandOf("connect", v))
			})
		},
	},
	{
		Name: "amf-deep-call", About: "the same in a call of a client that is connected, and in one of a publisher",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			err := a.values(nested(fitting), func(v value) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				return x.send(commandOf("abuse", v))
			})
			if err != nil {
				return err
			}
			i := 0
			return a.values(nested(deep), func(v value) error {
				i++
				x, err := a.publish(ctx, fmt.Sprintf("deep%d", i))
				if err != nil {
					return err
				}
				return x.send(commandOf("abuse", v))
			})
		},
	},
	{
		Name: "amf-huge-counts", About: "arrays, vectors, dictionaries, objects and strings of up to 2^32 elements in a few bytes",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.values(hugeCounts(), func(v value) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				return x.send(commandOf("abuse", v))
			})
		},
	},
	{
		Name: "amf-data", About: "all of this published as data and metadata, with an AMF0 player beside it",
		run: func(ctx context.Context, a *assault) error {
			bombs := slices.Concat(nested(fitting), hugeCounts(),
				[]value{{"AMF3 string by reference", true, stringExpansion()}, {"AMF3 arrays that share", true, sharedArrays()}})
			if _, err := a.play(ctx, "bombs"); err != nil && !ended(err) {
				return err
			}
			return a.values(bombs, func(v value) error {
				x, err := a.publishAgain(ctx, "bombs")
				if err != nil {
					return err
				}
				defer x.hangUp(ctx)
				m := dataOf(x.streamID, v)
				meta := m
				set, _ := amf.Append0(nil, "@setDataFrame")
				if v.amf3 {
					meta.Payload = slices.Concat([]byte{0}, set, m.Payload[1:])
				} else {
					meta.Payload = slices.Concat(set, m.Payload)
				}
				return x.send(m, meta)
			})
		},
	},
	{
		Name: "amf-expansion", About: "calls with values that grow when they are followed by reference",
		run: func(ctx context.Context, a *assault) error {
			bombs := []value{{"AMF3 string by reference", true, stringExpansion()}, {"AMF3 arrays that share", true, sharedArrays()}}
			return a.values(bombs, func(v value) error {
				x, err := a.connect(ctx, amf.Property{Name: "objectEncoding", Value: 3.0})
				if err != nil {
					return err
				}
				return x.send(commandOf("abuse", v), commandOf("FCPublish", v), commandOf("releaseStream", v))
			})
		},
	},
	{
		Name: "commands-without-sense", About: "commands whose name, number or arguments are of any other type, or missing",
		run: func(ctx context.Context, a *assault) error {
			odd := []amf.Value{nil, amf.Undefined, true, -1.0, 1e300, "", "x", amf.NewObject(), amf.NewArray(1.0), amf.Date{}}
			names := []amf.Value{"connect", "createStream", "deleteStream", "closeStream", "publish", "play", "pause", "seek",
				"receiveAudio", "receiveVideo", "FCPublish", "FCUnpublish", "FCSubscribe", "releaseStream", "getStreamLength",
				"_result", "_error", "onStatus", "close", "@setDataFrame"}
			return a.each(ctx, a.n(len(odd)), func(i int) error {
				x, err := a.stream(ctx)
				if err != nil {
					return err
				}
				for _, name := range append(names, odd[i]) {
					for _, o := range odd {
						err = x.send(
							commandMessage(x.streamID, name), commandMessage(x.streamID, name, odd[i]), commandMessage(x.streamID, name, odd[i], o),
							commandMessage(x.streamID, name, 1.0, odd[i], o, o), commandMessage(4_000_000_000, name, 1.0, nil, o, odd[i], o, o))
						if err != nil {
							return err
						}
					}
				}
				return nil
			})
		},
	},
}

// values runs f for each value and wraps its error with the value's name.
func (a *assault) values(all []value, f func(value) error) error {
	for _, v := range all {
		if err := f(v); err != nil && !ended(err) {
			return fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return nil
}
