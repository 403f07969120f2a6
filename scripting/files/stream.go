package files

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"unicode/utf8"
)

// errTooLong says that a call would read more than it may.
var errTooLong = errors.New("that is more than one call may read")

// stream is an open file. It has one position for reading and writing.
type stream struct {
	mode
	kind, modes string // as they were given
	file        *os.File
	most        int // bytes that one call may read

	at     int64 // the position of the script
	reader *bufio.Reader
	synced bool // the reader reads from there
}

// bom may begin a file in UTF-8.
var bom = []byte("\xEF\xBB\xBF")

func (s *stream) input() (*bufio.Reader, error) {
	if !s.read {
		return nil, errors.New("the file is not open for reading")
	}
	if s.synced {
		return s.reader, nil
	}
	if _, err := s.file.Seek(s.at, io.SeekStart); err != nil {
		return nil, err
	}
	if s.reader == nil {
		s.reader = bufio.NewReader(s.file)
	} else {
		s.reader.Reset(s.file)
	}
	s.synced = true
	if s.at == 0 && s.text && s.utf8 {
		if b, _ := s.reader.Peek(len(bom)); bytes.Equal(b, bom) {
			n, _ := s.reader.Discard(len(bom))
			s.at += int64(n)
		}
	}
	return s.reader, nil
}

// next reads n characters of text in UTF-8, or n bytes, or what is left.
func (s *stream) next(n int) ([]byte, error) {
	r, err := s.input()
	if err != nil {
		return nil, err
	}
	if n > s.most {
		if size, err := s.size(); err != nil || size-s.at > int64(s.most) {
			return nil, errTooLong
		}
		n = s.most
	}
	if s.text && s.utf8 {
		return s.nextRunes(r, n)
	}
	var b bytes.Buffer
	_, err = io.CopyN(&b, r, int64(n))
	s.at += int64(b.Len())
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b.Bytes(), err
}

func (s *stream) nextRunes(r *bufio.Reader, n int) ([]byte, error) {
	var b []byte
	for range n {
		c, size, err := r.ReadRune()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		s.at += int64(size)
		b = utf8.AppendRune(b, c)
	}
	return b, nil
}

// line reads up to the end of a line, which is not part of it. At the end of the file it returns io.EOF.
func (s *stream) line() ([]byte, error) {
	r, err := s.input()
	if err != nil {
		return nil, err
	}
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		s.at += int64(len(part))
		line = append(line, part...)
		switch {
		case len(line) > s.most:
			return nil, errTooLong
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)):
			return nil, err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), nil
	}
}

// lines reads all lines that are left.
func (s *stream) lines() ([]string, error) {
	var lines []string
	for start := s.at; ; {
		line, err := s.line()
		switch {
		case errors.Is(err, io.EOF):
			return lines, nil
		case err != nil:
			return nil, err
		case s.at-start > int64(s.most) || len(lines) >= s.most/perLine:
			return nil, errTooLong
		}
		lines = append(lines, s.decode(line))
	}
}

// perLine is how many bytes an empty line is counted for: it takes one in the file, but more in memory.
const perLine = 16

func (s *stream) put(b []byte) error {
	if !s.write {
		return errors.New("the file is not open for writing")
	}
	s.synced = false
	if !s.append {
		if _, err := s.file.Seek(s.at, io.SeekStart); err != nil {
			return err
		}
	}
	n, err := s.file.Write(b)
	s.at += int64(n)
	if s.append {
		if end, err := s.file.Seek(0, io.SeekCurrent); err == nil {
			s.at = end
		}
	}
	return err
}

// skip moves the position from where it is.
func (s *stream) skip(n int64) (int64, error) {
	at := s.at + n
	if at < 0 {
		return 0, errors.New("that is before the start of the file")
	}
	s.at, s.synced = at, false
	return at, nil
}

func (s *stream) size() (int64, error) {
	info, err := s.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// ended says whether nothing is behind the position.
func (s *stream) ended() bool {
	size, err := s.size()
	return err != nil || s.at >= size
}
