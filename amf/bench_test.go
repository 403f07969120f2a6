package amf

import "testing"

func connectCommand() []Value {
	return []Value{"connect", 1.0, NewObject(
		prop("app", "live"),
		prop("type", "nonprivate"),
		prop("flashVer", "FMLE/3.0 (compatible; FMSc/1.0)"),
		prop("swfUrl", "rtmp://media.example.com/live"),
		prop("tcUrl", "rtmp://media.example.com/live"),
		prop("fpad", false),
		prop("capabilities", 239.0),
		prop("audioCodecs", 3575.0),
		prop("videoCodecs", 252.0),
		prop("videoFunction", 1.0),
		prop("objectEncoding", 3.0),
	)}
}

func onMetaData() []Value {
	return []Value{"@setDataFrame", "onMetaData", NewECMAArray(
		prop("duration", 0.0),
		prop("fileSize", 0.0),
		prop("width", 1280.0),
		prop("height", 720.0),
		prop("videocodecid", 7.0),
		prop("videodatarate", 2500.0),
		prop("framerate", 30.0),
		prop("audiocodecid", 10.0),
		prop("audiodatarate", 160.0),
		prop("audiosamplerate", 48000.0),
		prop("audiosamplesize", 16.0),
		prop("audiochannels", 2.0),
		prop("stereo", true),
		prop("2.1", false),
		prop("3.1", false),
		prop("4.0", false),
		prop("4.1", false),
		prop("5.1", false),
		prop("7.1", false),
		prop("encoder", "obs-output module"),
	)}
}

func BenchmarkDecode(b *testing.B) {
	for name, c := range benchmarks() {
		wire, err := c.encode(nil, c.values...)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.decode(wire, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, c := range benchmarks() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				var err error
				if buf, err = c.encode(buf[:0], c.values...); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}

type benchmark struct {
	codecs
	values []Value
}

func benchmarks() map[string]benchmark {
	extended := codecs{decode: DecodeExtended, encode: AppendExtended}
	return map[string]benchmark{
		"connect AMF0":        {both[0], connectCommand()},
		"connect extended":    {extended, connectCommand()},
		"onMetaData AMF0":     {both[0], onMetaData()},
		"onMetaData extended": {extended, onMetaData()},
	}
}
