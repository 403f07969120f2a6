package rtmfpload

import (
	"encoding/binary"

	"afterglow/rtmfp"
)

// stamp is the head of a message: which one of its flow it is, counted from 0, and when it was sent.
type stamp struct {
	sequence uint64
	sent     int64 // nanoseconds of the clock that all processes share
}

const stampSize = rtmfp.HeadSize

func (s stamp) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, s.sequence)
	return binary.BigEndian.AppendUint64(b, uint64(s.sent))
}

func readStamp(b []byte) (stamp, bool) {
	if len(b) < stampSize {
		return stamp{}, false
	}
	return stamp{binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint64(b[8:]))}, true
}
