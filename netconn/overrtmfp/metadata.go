package overrtmfp

import (
	"errors"

	"afterglow/rtmfp/wire"
)

// What stands before the stream ID in the metadata of a flow with RTMP messages (RFC 7425 5.1.1).
const (
	signature0, signature1 = 'T', 'C'
	flagStreamID           = 0x04
	flagNetworkOrder       = 0x01
)

// maxStreamID is the largest stream ID: RTMP has 24 bits for it (RFC 7425 5.1).
const maxStreamID = 1<<24 - 1

var errMetadata = errors.New("no flow of RTMP messages")

// metadata is what a flow of RTMP messages is for.
type metadata struct {
	streamID uint32
	// networkOrder asks the receiver to take messages as they come.
	networkOrder bool
}

func (m metadata) append(b []byte) []byte {
	flags := byte(flagStreamID)
	if m.networkOrder {
		flags |= flagNetworkOrder
	}
	return wire.AppendVLU(append(b, signature0, signature1, flags), uint64(m.streamID))
}

// parseMetadata reads the metadata of a flow. What follows the stream ID is ignored, as a later profile may have put it there.
func parseMetadata(b []byte) (metadata, error) {
	if len(b) < 3 || b[0] != signature0 || b[1] != signature1 || b[2]&flagStreamID == 0 {
		return metadata{}, errMetadata
	}
	id, _, err := wire.ParseVLU(b[3:])
	if err != nil || id > maxStreamID {
		return metadata{}, errMetadata
	}
	return metadata{streamID: uint32(id), networkOrder: b[2]&flagNetworkOrder != 0}, nil
}
