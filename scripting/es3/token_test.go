package es3

import (
	"slices"
	"testing"
)

func TestScanListsTokens(t *testing.T) {
	src := "<!-- no\nä.default = /* no */ 'a' / 08; // no\r\n\tif (/x\"/g.test(y)) z = `t${u}v`;"
	got, err := Scan(src)
	if err != nil {
		t.Fatal(err)
	}
	want := []Token{
		{Identifier, "ä", 2, 1, 8}, {Punctuator, ".", 2, 2, 10}, {Identifier, "default", 2, 3, 11}, {Punctuator, "=", 2, 11, 19},
		{String, "'a'", 2, 22, 30}, {Punctuator, "/", 2, 26, 34}, {Number, "08", 2, 28, 36}, {Punctuator, ";", 2, 30, 38},
		{Keyword, "if", 3, 2, 48}, {Punctuator, "(", 3, 5, 51}, {Regexp, "/x\"/g", 3, 6, 52}, {Punctuator, ".", 3, 11, 57},
		{Identifier, "test", 3, 12, 58}, {Punctuator, "(", 3, 16, 62}, {Identifier, "y", 3, 17, 63}, {Punctuator, ")", 3, 18, 64},
		{Punctuator, ")", 3, 19, 65}, {Identifier, "z", 3, 21, 67}, {Punctuator, "=", 3, 23, 69}, {String, "`t${", 3, 25, 71},
		{Identifier, "u", 3, 29, 75}, {String, "}v`", 3, 30, 76}, {Punctuator, ";", 3, 33, 79},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestScanReturnsTheTokensBeforeAnError(t *testing.T) {
	got, err := Scan("a = 'b")
	if err == nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
}
