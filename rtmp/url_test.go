package rtmp

import "testing"

func TestParseURL(t *testing.T) {
	tests := []struct {
		raw  string
		want URL
	}{
		{"rtmp://h/live/cam", URL{"rtmp", "h:1935", "live", "rtmp://h/live", "cam"}},
		{"rtmps://h/live/cam", URL{"rtmps", "h:443", "live", "rtmps://h/live", "cam"}},
		{"RTMP://h:1936/live/cam", URL{"rtmp", "h:1936", "live", "rtmp://h:1936/live", "cam"}},
		{"rtmp://h:/live/cam", URL{"rtmp", "h:1935", "live", "rtmp://h:/live", "cam"}},
		{"rtmp://[2001:db8::1]/live/cam", URL{"rtmp", "[2001:db8::1]:1935", "live", "rtmp://[2001:db8::1]/live", "cam"}},
		{"rtmp://h/live/room/cam", URL{"rtmp", "h:1935", "live/room", "rtmp://h/live/room", "cam"}},
		{"rtmp://h/live/cam?key=a&b=c", URL{"rtmp", "h:1935", "live", "rtmp://h/live", "cam?key=a&b=c"}},
		{"rtmp://h/live/a%20b", URL{"rtmp", "h:1935", "live", "rtmp://h/live", "a b"}},
		{"rtmp://h/live", URL{"rtmp", "h:1935", "live", "rtmp://h/live", ""}},
		{"rtmp://h/live/", URL{"rtmp", "h:1935", "live", "rtmp://h/live", ""}},
		{"rtmp://h/live?key", URL{"rtmp", "h:1935", "live?key", "rtmp://h/live?key", ""}},
		{"rtmp://h/live/?key", URL{"rtmp", "h:1935", "live?key", "rtmp://h/live?key", ""}},
		{"rtmp://h", URL{"rtmp", "h:1935", "", "rtmp://h/", ""}},
		{"rtmp://server.example/three/segment/path#BigBuckBunny", URL{"rtmp", "server.example:1935", "three/segment/path", "rtmp://server.example/three/segment/path", "BigBuckBunny"}},
		{"rtmps://server.example/something?else#CosmosLaundromat?aFlag", URL{"rtmps", "server.example:443", "something?else", "rtmps://server.example/something?else", "CosmosLaundromat?aFlag"}},
		{"rtmp://arg1:arg2@h/live#Big%42uck", URL{"rtmp", "h:1935", "live", "rtmp://h/live", "BigBuck"}},
	}
	for _, tt := range tests {
		got, err := ParseURL(tt.raw)
		if err != nil {
			t.Errorf("%s: %v", tt.raw, err)
			continue
		}
		if *got != tt.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.raw, *got, tt.want)
		}
	}
	for _, raw := range []string{"", "h/live", "http://h/live", "rtmp:", "rtmp:///live", "rtmp://:1935/live", "rtmp://h:x/live", "rtmp://h/%zz"} {
		if got, err := ParseURL(raw); err == nil {
			t.Errorf("%q: %+v", raw, *got)
		}
	}
}
