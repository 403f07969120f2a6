package wire

import (
	"errors"
	"math"
	"testing"
)

func TestUserDataWithImpossibleNumbersIsRefused(t *testing.T) {
	tests := []struct {
		name, hex string
		want      error
	}{
		{"sequence number zero", "02 01 00 00", ErrSequence},
		{"forward sequence number below zero", "00 01 05 06", ErrSequence},
		{"its own forward sequence number without being abandoned", "00 01 05 00", ErrSequence},
		{"sequence number of 65 bits", "00 01 82 80 80 80 80 80 80 80 80 00 01", ErrOverflow},
	}
	for _, test := range tests {
		if u, err := ParseUserData(bytesOf(t, test.hex)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, %v", test.name, u, err)
		}
	}
	last := UserData{FlowID: 1, Sequence: math.MaxUint64, FSN: 3}
	if u, err := ParseNextUserData([]byte{0}, last); !errors.Is(err, ErrSequence) {
		t.Errorf("behind the last number: got %v, %v", u, err)
	}
}

// The options of the previous chunk are its own.
func TestNextUserDataTakesOnlyNumbersFromThePreviousChunk(t *testing.T) {
	previous := UserData{
		FlowID: 4, Sequence: 9, FSN: 3, Fragment: Middle, Abandon: true, Final: true,
		HasOptions: true, Options: []byte{2, 0x0a, 1}, Data: []byte{1, 2, 3},
	}
	got, err := ParseNextUserData([]byte{0, 0xaa}, previous)
	if err != nil {
		t.Fatal(err)
	}
	if got.FlowID != 4 || got.Sequence != 10 || got.FSN != 3 {
		t.Errorf("numbers: %v", got)
	}
	if got.Fragment != Whole || got.Abandon || got.Final || got.HasOptions || got.Options != nil || string(got.Data) != "\xaa" {
		t.Errorf("content: %v", got)
	}
}

func TestHeaderSizesAreWhatIsAppended(t *testing.T) {
	for _, u := range []UserData{
		{FlowID: 1, Sequence: 1},
		{FlowID: 300, Sequence: math.MaxUint64, FSN: 1},
		{FlowID: 1, Sequence: 128, HasOptions: true},
		{FlowID: 1, Sequence: 128, HasOptions: true, Options: []byte{2, 0x0a, 1}},
		{FlowID: 1, Sequence: 128, Options: []byte{2, 0x0a, 1}},
	} {
		if got := len(u.AppendHeader(nil, 1000)); got != u.HeaderSize() {
			t.Errorf("%v: %d bytes, HeaderSize says %d", u, got, u.HeaderSize())
		}
		if got := len(u.AppendNextHeader(nil, 1000)); got != u.NextHeaderSize() {
			t.Errorf("%v: %d bytes, NextHeaderSize says %d", u, got, u.NextHeaderSize())
		}
	}
}
