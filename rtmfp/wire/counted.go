package wire

// appendCounted appends bytes behind their number, a VLU.
func appendCounted(b, value []byte) []byte {
	b = AppendVLU(b, uint64(len(value)))
	return append(b, value...)
}

// parseCounted gives the bytes whose number precedes them, and what follows them.
func parseCounted(b []byte) (value, rest []byte, err error) {
	length, n, err := ParseVLU(b)
	if err != nil {
		return nil, nil, err
	}
	b = b[n:]
	if length > uint64(len(b)) {
		return nil, nil, ErrTruncated
	}
	return b[:length:length], b[length:], nil
}
