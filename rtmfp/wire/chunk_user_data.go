package wire

import "math"

// FragmentControl says which part of a message some user data is (RFC 7016 2.3.11).
type FragmentControl uint8

// The parts of a message (RFC 7016 2.3.11). A message of several fragments is Begin, any number of Middle, End.
const (
	// Whole is a complete message.
	Whole FragmentControl = iota

	// Begin is the first fragment of a message.
	Begin

	// End is the last fragment of a message.
	End

	// Middle is a fragment between the first and the last.
	Middle
)

var fragmentNames = [...]string{"whole", "begin", "end", "middle"}

// String gives a short name in lower case.
func (f FragmentControl) String() string { return fragmentNames[f&fragmentMask] }

// The first byte of user data.
const (
	flagOptions   = 0x80
	fragmentShift = 4
	fragmentMask  = 0x03
	flagAbandon   = 0x02
	flagFinal     = 0x01
)

// UserData is a fragment of a message of a flow, in a chunk of its own or behind another one (RFC 7016 2.3.11, 2.3.12).
type UserData struct {
	// FlowID is the sender's number of the flow.
	FlowID uint64

	// Sequence is the fragment's number in the flow, at least 1.
	Sequence uint64

	// FSN is the forward sequence number: the sender will not send fragments up to it again. It is below Sequence, or the
	// same if the fragment is abandoned.
	FSN uint64

	// Fragment says which part of a message this is.
	Fragment FragmentControl

	// Abandon means that the sender gave the fragment up; its data is to be ignored.
	Abandon bool

	// Final means that this is the last fragment of the flow.
	Final bool

	// HasOptions means that there is a list of options, possibly an empty one.
	HasOptions bool

	// Options is the list for ParseOption, without the marker at its end.
	Options []byte

	// Data is the bytes of the message. AppendHeader and AppendNextHeader ignore them.
	Data []byte
}

// ParseUserData parses the payload of a ChunkUserData; it aliases it. The error is ErrTruncated, ErrOverflow or ErrSequence
// (RFC 7016 2.3.11).
func ParseUserData(payload []byte) (UserData, error) {
	if len(payload) == 0 {
		return UserData{}, ErrTruncated
	}
	flags := payload[0]
	flowID, sequence, offset, rest, err := parseVLUs(payload[1:])
	if err != nil {
		return UserData{}, err
	}
	if sequence == 0 || offset > sequence {
		return UserData{}, ErrSequence
	}
	if offset == 0 && flags&flagAbandon == 0 {
		return UserData{}, ErrSequence
	}
	u := UserData{FlowID: flowID, Sequence: sequence, FSN: sequence - offset}
	if err := u.parseContent(flags, rest); err != nil {
		return UserData{}, err
	}
	return u, nil
}

// ParseNextUserData parses the payload of a ChunkNextUserData; it aliases it. Flow, sequence number and forward sequence
// number follow from the previous user data in the packet, without which the chunk must be ignored. The error is
// ErrTruncated, ErrOverflow or ErrSequence (RFC 7016 2.3.12).
func ParseNextUserData(payload []byte, previous UserData) (UserData, error) {
	if len(payload) == 0 {
		return UserData{}, ErrTruncated
	}
	if previous.Sequence == math.MaxUint64 {
		return UserData{}, ErrSequence
	}
	u := UserData{FlowID: previous.FlowID, Sequence: previous.Sequence + 1, FSN: previous.FSN}
	if err := u.parseContent(payload[0], payload[1:]); err != nil {
		return UserData{}, err
	}
	return u, nil
}

// parseContent takes the flags, and from the rest the options and the data.
func (u *UserData) parseContent(flags byte, rest []byte) error {
	u.Fragment = FragmentControl(flags >> fragmentShift & fragmentMask)
	u.Abandon = flags&flagAbandon != 0
	u.Final = flags&flagFinal != 0
	u.HasOptions = flags&flagOptions != 0
	u.Data = rest
	if !u.HasOptions {
		return nil
	}
	var err error
	u.Options, u.Data, err = splitOptionList(rest)
	return err
}

// AppendHeader appends a ChunkUserData up to its data, of which the caller then appends exactly dataLength bytes
// (RFC 7016 2.3.11). FSN must not be above Sequence.
func (u UserData) AppendHeader(b []byte, dataLength int) []byte {
	b = appendChunkHeader(b, ChunkUserData, u.HeaderSize()-ChunkHeaderSize+dataLength)
	b = append(b, u.flags())
	b = AppendVLU(b, u.FlowID)
	b = AppendVLU(b, u.Sequence)
	b = AppendVLU(b, u.Sequence-u.FSN)
	return u.appendOptions(b)
}

// AppendNextHeader appends a ChunkNextUserData up to its data, of which the caller then appends exactly dataLength bytes. It
// must follow, in the same packet, the fragment before it in the flow, with the same FSN (RFC 7016 2.3.12).
func (u UserData) AppendNextHeader(b []byte, dataLength int) []byte {
	b = appendChunkHeader(b, ChunkNextUserData, u.NextHeaderSize()-ChunkHeaderSize+dataLength)
	b = append(b, u.flags())
	return u.appendOptions(b)
}

// HeaderSize gives the number of bytes that AppendHeader appends.
func (u UserData) HeaderSize() int {
	return u.NextHeaderSize() + SizeVLU(u.FlowID) + SizeVLU(u.Sequence) + SizeVLU(u.Sequence-u.FSN)
}

// NextHeaderSize gives the number of bytes that AppendNextHeader appends.
func (u UserData) NextHeaderSize() int {
	size := ChunkHeaderSize + 1
	if u.HasOptions {
		size += len(u.Options) + 1
	}
	return size
}

func (u UserData) flags() byte {
	flags := byte(u.Fragment&fragmentMask) << fragmentShift
	if u.Abandon {
		flags |= flagAbandon
	}
	if u.Final {
		flags |= flagFinal
	}
	if u.HasOptions {
		flags |= flagOptions
	}
	return flags
}

func (u UserData) appendOptions(b []byte) []byte {
	if !u.HasOptions {
		return b
	}
	return AppendMarker(append(b, u.Options...))
}
