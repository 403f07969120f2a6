package media

// Keys of the forms that this package hangs on packets.
var (
	classicForm      = new(byte)
	defaultTrackForm = new(byte)
	withoutModExForm = new(byte)
)

// Classic returns the packet as a classic tag with the same timestamp, for
// viewers that know no FourCC: avc1 becomes H.264, mp4a AAC and .mp3 MP3. It is
// made once; everybody gets the same packet. Classic packets and data return
// themselves. Of a multitrack packet the default track is taken.
//
// It reports false where a classic tag cannot say the same: other codecs,
// malformed packets, Enhanced command and metadata frames, multichannel
// configuration, and the SequenceStart of .mp3, which classic MP3 does not need. So false
// does not mean that the viewer cannot follow the stream; [Viewer.CanPlay] tells that.
// Nanosecond offsets are lost. The end of an audio sequence becomes a silence
// message, which means the same (Enhanced RTMP v2, Enhanced Audio).
func (p *Packet) Classic() (*Packet, bool) {
	if !p.Enhanced {
		return p, true
	}
	if p.Err != nil {
		return nil, false
	}
	if p.Multitrack {
		single, ok := p.DefaultTrack()
		if !ok {
			return nil, false
		}
		return single.Classic()
	}
	return p.remade(classicForm, (*Packet).makeClassic)
}

// DefaultTrack returns the packet with its default track alone, which has id 0,
// as an Enhanced tag that is not multitrack. It is made once; everybody gets the same packet.
// Packets that are not multitrack return themselves. It reports false where
// there is no track 0 and where the packet is malformed.
func (p *Packet) DefaultTrack() (*Packet, bool) {
	if !p.Multitrack {
		return p, p.Err == nil
	}
	if p.Err != nil {
		return nil, false
	}
	return p.remade(defaultTrackForm, (*Packet).makeDefaultTrack)
}

// WithoutModEx returns the packet without modifiers before its header, for
// viewers that cannot read them. It is made once; everybody gets the same packet. Packets without
// modifiers, and malformed ones, return themselves.
func (p *Packet) WithoutModEx() *Packet {
	if !p.ModEx || p.Err != nil {
		return p
	}
	q, _ := p.remade(withoutModExForm, (*Packet).makeWithoutModEx)
	return q
}

// remade returns what is stored under key, making it first where nothing is. A
// nil packet is stored too, so that what has no such form is not tried again.
func (p *Packet) remade(key any, make func(*Packet) *Packet) (*Packet, bool) {
	stored := p.Derived(key)
	if stored == nil {
		stored = p.Derive(key, make(p))
	}
	q, ok := stored.(*Packet)
	return q, ok && q != nil
}

func (p *Packet) makeClassic() *Packet {
	var payload []byte
	t, ok := p.Track(0)
	if !ok {
		return nil
	}
	switch t.Codec {
	case CodecAVC1:
		payload, ok = p.classicH264(t)
	case CodecMP4A:
		payload, ok = p.classicAAC(t)
	case CodecMP3Enhanced:
		payload, ok = p.classicMP3(t)
	default:
		return nil
	}
	if !ok {
		return nil
	}
	return NewPacket(p.Kind, p.Timestamp, payload)
}

func (p *Packet) classicH264(t Track) ([]byte, bool) {
	const codecID = 7
	header := [5]byte{byte(FrameKey)<<4 | codecID}
	switch p.Type {
	case PacketSequenceStart:
	case PacketCodedFrames, PacketCodedFramesX:
		ct := t.CompositionTime
		header = [5]byte{byte(p.Frame)<<4 | codecID, 1, byte(ct >> 16), byte(ct >> 8), byte(ct)}
	case PacketSequenceEnd:
		header[1] = 2
		return header[:], true
	default:
		return nil, false
	}
	return join(header[:], t.Body), true
}

func (p *Packet) classicAAC(t Track) ([]byte, bool) {
	// Readers ignore rate and channels here, and writers shall say 44 kHz, 16 bits, stereo (FLV 10.1 E.4.2.1).
	const header = 0xAF
	switch p.Type {
	case PacketSequenceStart:
		return join([]byte{header, 0}, t.Body), true
	case PacketCodedFrames:
		return join([]byte{header, 1}, t.Body), true
	case PacketSequenceEnd:
		return []byte{}, true
	}
	return nil, false
}

func (p *Packet) classicMP3(t Track) ([]byte, bool) {
	switch p.Type {
	case PacketCodedFrames:
		return join([]byte{mp3Header(t.Body)}, t.Body), true
	case PacketSequenceEnd:
		return []byte{}, true
	}
	return nil, false
}

// mp3Header returns the byte of the AudioTagHeader that suits an MP3 frame
// (ISO/IEC 11172-3 2.4.2.3). What is no frame header is said to be 44 kHz stereo.
func mp3Header(frame []byte) byte {
	const (
		mp3, mp38k    = 2 << 4, 14 << 4
		bits16        = 1 << 1
		stereo        = 1
		rate22        = 2
		rate44        = 3
		mono          = 3
		mpeg1, mpeg25 = 3, 0
	)
	if len(frame) < 4 || frame[0] != 0xFF || frame[1]&0xE0 != 0xE0 {
		return mp3 | rate44<<2 | bits16 | stereo
	}
	channels := byte(stereo)
	if frame[3]>>6 == mono {
		channels = 0
	}
	switch version, index := frame[1]>>3&3, frame[2]>>2&3; {
	case version == mpeg1:
		return mp3 | rate44<<2 | bits16 | channels
	case version != mpeg25:
		return mp3 | rate22<<2 | bits16 | channels
	case index == 2:
		return mp38k | bits16 | channels
	}
	return mp3 | 1<<2 | bits16 | channels
}

func (p *Packet) makeDefaultTrack() *Packet {
	t, ok := p.Track(0)
	if !ok {
		return nil
	}
	// The header is sound, since the packet is.
	_, at, _ := readModEx(p.Payload, new(Info))
	b := make([]byte, at, at+4+3+len(t.Body))
	copy(b, p.Payload)
	b[at-1] = b[at-1]&0xF0 | p.Payload[at]&0x0F
	b = append(b, byte(t.FourCC>>24), byte(t.FourCC>>16), byte(t.FourCC>>8), byte(t.FourCC))
	if p.Type == PacketCodedFrames && hasCompositionTime(t.Codec) {
		ct := t.CompositionTime
		b = append(b, byte(ct>>16), byte(ct>>8), byte(ct))
	}
	return NewPacket(p.Kind, p.Timestamp, append(b, t.Body...))
}

func (p *Packet) makeWithoutModEx() *Packet {
	packetType, at, _ := readModEx(p.Payload, new(Info))
	return NewPacket(p.Kind, p.Timestamp, join([]byte{p.Payload[0]&0xF0 | packetType}, p.Payload[at:]))
}

func join(header, body []byte) []byte {
	b := make([]byte, 0, len(header)+len(body))
	return append(append(b, header...), body...)
}
