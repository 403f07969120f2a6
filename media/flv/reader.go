package flv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"afterglow/media"
)

// The defaults of ReaderOptions, in bytes.
const (
	DefaultMaxTag  = 8 << 20
	DefaultMaxScan = 32 << 20
)

// ErrLost means that no tag was found within MaxScan bytes of damage.
var ErrLost = errors.New("flv: no tag found")

// ReaderOptions sets the limits of a Reader. Zero values mean the defaults.
type ReaderOptions struct {
	// MaxTag is the largest tag body in bytes; larger ones are passed over. Default: DefaultMaxTag.
	MaxTag int
	// MaxScan is how many bytes are looked through for the next tag before the reader gives up. Default: DefaultMaxScan.
	MaxScan int64
}

// Stats counts what a Reader met.
type Stats struct {
	// Tags is the number of packets returned.
	Tags int64
	// Skipped is the number of bytes that belong to no tag: garbage, and tags that were damaged or too large.
	Skipped int64
	// Resyncs is how often a tag had to be searched for.
	Resyncs int64
	// BadBackPointers is the number of tags whose back-pointer was wrong or missing.
	BadBackPointers int64
	// Oversized is the number of tags passed over for being larger than MaxTag.
	Oversized int64
	// Filtered is the number of encrypted tags passed over (FLV 10.1 Annex F).
	Filtered int64
	// Unknown is the number of tags passed over for their type.
	Unknown int64
	// Truncated says that the input ended inside a tag.
	Truncated bool
	// HeaderMissing says that the input did not begin with an FLV header.
	HeaderMissing bool
}

// Header is what the file header says (FLV 10.1 E.2), true or not.
type Header struct {
	Version  uint8
	HasAudio bool
	HasVideo bool
}

// Reader reads FLV.
type Reader struct {
	in      window
	limits  ReaderOptions
	stats   Stats
	header  Header
	started bool
	err     error
}

// NewReader returns a Reader of src. Options may be nil.
func NewReader(src io.Reader, options *ReaderOptions) *Reader {
	r := &Reader{in: window{src: src}}
	if options != nil {
		r.limits = *options
	}
	if r.limits.MaxTag <= 0 {
		r.limits.MaxTag = DefaultMaxTag
	}
	if r.limits.MaxScan <= 0 {
		r.limits.MaxScan = DefaultMaxScan
	}
	return r
}

// Stats returns what was counted so far.
func (r *Reader) Stats() Stats { return r.stats }

// Header returns the file header, reading it first if need be. It returns the
// zero Header where the input has none, see Stats.HeaderMissing.
func (r *Reader) Header() Header {
	r.start()
	return r.header
}

// All goes through the packets that are left. Where it ends for an error other than io.EOF, that is in the last pair.
func (r *Reader) All() iter.Seq2[*media.Packet, error] {
	return func(yield func(*media.Packet, error) bool) {
		for {
			p, err := r.Next()
			if err == io.EOF {
				return
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// Next returns the next packet. At the end of the input, inside a tag too, the error is
// io.EOF; it is ErrLost where damage goes on for too long, and otherwise what
// reading failed with. Errors stay. The packet owns its payload.
func (r *Reader) Next() (*media.Packet, error) {
	r.start()
	for r.err == nil {
		p, err := r.tag()
		if p != nil {
			r.stats.Tags++
			return p, nil
		}
		r.err = err
	}
	return nil, r.err
}

// start reads the file header and finds the first tag.
func (r *Reader) start() {
	if r.started {
		return
	}
	r.started = true
	if !r.in.fill(headerSize) || string(r.in.unused()[:3]) != "FLV" {
		r.stats.HeaderMissing = true
		r.skipBackPointer()
		return
	}
	b := r.in.unused()
	r.header = Header{Version: b[3], HasAudio: b[4]&flagAudio != 0, HasVideo: b[4]&flagVideo != 0}
	offset := int64(binary.BigEndian.Uint32(b[5:]))
	r.in.skip(headerSize)
	// A larger offset belongs to a future version, unless tags begin right here and it is wrong.
	if extra := offset - headerSize; extra > 0 && extra <= int64(r.limits.MaxTag) && !r.atTag() && r.in.fill(int(extra)) {
		r.in.skip(int(extra))
	}
	r.skipBackPointer()
}

// atTag reports whether a tag begins here, before or behind a back-pointer.
func (r *Reader) atTag() bool {
	return r.plausibleAt(0) || r.plausibleAt(backPointerSize)
}

// skipBackPointer passes over PreviousTagSize0, and stays where somebody left it out.
func (r *Reader) skipBackPointer() {
	if !r.plausibleAt(0) && r.in.fill(backPointerSize) && (r.plausibleAt(backPointerSize) || r.zeroAt(0)) {
		r.in.skip(backPointerSize)
	}
}

func (r *Reader) zeroAt(offset int) bool {
	return binary.BigEndian.Uint32(r.in.unused()[offset:]) == 0
}

// plausibleAt reports whether a tag header seems to be at the offset.
func (r *Reader) plausibleAt(offset int) bool {
	return r.in.fill(offset+tagHeaderSize) && parseTagHeader(r.in.unused()[offset:]).plausible()
}

// tag reads the tag that should begin here. It returns neither packet nor error where something was passed over.
func (r *Reader) tag() (*media.Packet, error) {
	if !r.in.fill(tagHeaderSize) {
		return nil, r.end()
	}
	h := parseTagHeader(r.in.unused())
	if h.size > r.limits.MaxTag {
		if h.plausible() {
			r.stats.Oversized++
		}
		return nil, r.resync()
	}
	if !h.promising() || !r.in.fill(tagHeaderSize+h.size) {
		return nil, r.resync()
	}
	length, ok := r.tagLength(h)
	if !ok {
		return nil, r.resync()
	}
	body := r.in.unused()[tagHeaderSize : tagHeaderSize+h.size]
	p := r.packet(h, body)
	r.in.skip(length)
	return p, nil
}

// tagLength returns how many bytes the tag takes with its back-pointer, and whether it is to be trusted: its
// back-pointer says so, or it looks like a tag and so does what follows, or the input ends with it.
func (r *Reader) tagLength(h tagHeader) (length int, ok bool) {
	end := tagHeaderSize + h.size
	if r.in.fill(end+backPointerSize) && h.pointsBack(r.in.unused()[end:]) {
		return end + backPointerSize, true
	}
	if !h.plausible() {
		return 0, false
	}
	r.stats.BadBackPointers++
	switch {
	case r.plausibleAt(end + backPointerSize):
		return end + backPointerSize, true
	case r.plausibleAt(end):
		return end, true
	case !r.in.fill(end + backPointerSize + 1):
		return len(r.in.unused()), true
	}
	return r.tagBeforeGarbage(end)
}

// tagBeforeGarbage decides about a tag that looks like one while nothing fits
// behind it: is its size wrong, or does garbage follow? The size is wrong if another tag begins inside.
func (r *Reader) tagBeforeGarbage(end int) (length int, ok bool) {
	for offset := 1; offset < end; offset++ {
		if r.soundAt(offset) {
			r.stats.BadBackPointers--
			return 0, false
		}
	}
	return end, true
}

// soundAt reports whether a whole tag is at the offset, with more to show for it than its header.
func (r *Reader) soundAt(offset int) bool {
	if !r.plausibleAt(offset) {
		return false
	}
	h := parseTagHeader(r.in.unused()[offset:])
	end := offset + tagHeaderSize + h.size
	if h.size > r.limits.MaxTag || !r.in.fill(end) {
		return false
	}
	if r.in.fill(end+backPointerSize) && h.pointsBack(r.in.unused()[end:]) {
		return true
	}
	// A tag at the very end may lack its back-pointer.
	return r.plausibleAt(end+backPointerSize) || !r.in.fill(end+1)
}

// resync passes over bytes, one at least, until a sound tag begins.
func (r *Reader) resync() error {
	r.stats.Resyncs++
	for scanned := int64(0); scanned < r.limits.MaxScan; scanned++ {
		if !r.in.fill(tagHeaderSize + 1) {
			return r.end()
		}
		r.in.skip(1)
		r.stats.Skipped++
		if r.soundAt(0) {
			return nil
		}
	}
	return fmt.Errorf("%w within %d bytes", ErrLost, r.limits.MaxScan)
}

// end counts what is left over, and returns why nothing more comes.
func (r *Reader) end() error {
	if left := len(r.in.unused()); left > 0 {
		r.stats.Truncated = true
		r.stats.Skipped += int64(left)
		r.in.skip(left)
	}
	if r.in.err == io.EOF {
		return io.EOF
	}
	return fmt.Errorf("flv: reading: %w", r.in.err)
}

// packet makes the packet of a tag, or returns nil and counts why there is none.
func (r *Reader) packet(h tagHeader, body []byte) *media.Packet {
	if h.filtered {
		r.stats.Filtered++
		return nil
	}
	p, ok := media.FromMessage(h.tagType, h.timestamp, append([]byte(nil), body...))
	if !ok {
		r.stats.Unknown++
	}
	return p
}
