package bytearrays

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/scripting/engine"
	"afterglow/scripting/values"
)

// heap is an engine with the class and trace().
type heap struct {
	*engine.Engine
	values *values.Converter
	t      testing.TB
	traced []string
}

func newHeap(t testing.TB) *heap {
	h := &heap{t: t}
	e, err := engine.New(engine.Options{Post: func(func()) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	h.Engine, h.values = e, values.New(e)
	Install(e, h.values)
	_ = e.VM.Set("trace", func(call goja.FunctionCall) goja.Value {
		var line []string
		for _, a := range call.Arguments {
			line = append(line, a.String())
		}
		h.traced = append(h.traced, strings.Join(line, " "))
		return goja.Undefined()
	})
	h.run(`
		function hex(b) {
			var s = "";
			for (var i = 0; i < b.length; i++) s += (b[i] < 16 ? "0" : "") + b[i].toString(16);
			return s;
		}
		function fails(f) {
			try { f() } catch (e) { return e.message }
			return "nothing was thrown";
		}`)
	return h
}

func (h *heap) run(source string) {
	h.t.Helper()
	if err := h.Run("test.asc", source); err != nil {
		h.t.Fatal(err)
	}
}

// check runs script and compares what it traced.
func (h *heap) check(source, want string) {
	h.t.Helper()
	h.traced = nil
	h.run(source)
	if got := strings.Join(h.traced, "\n"); got != want {
		h.t.Errorf("%s\ntraced %q, want %q", source, got, want)
	}
}

func TestMembersReadAndWrite(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`trace(b.length, b.position, b.bytesAvailable, b.endian, b.objectEncoding)`, "0 0 0 bigEndian 3"},
		{`b.writeByte(-1); b.writeByte(256 + 7); trace(hex(b)); b.position = 0; trace(b.readByte(), b.readUnsignedByte())`, "ff07\n-1 7"},
		{`b.writeByte(255); b.position = 0; trace(b.readUnsignedByte())`, "255"},
		{`b.writeBoolean(1); b.writeBoolean(""); trace(hex(b)); b.position = 0; trace(b.readBoolean(), b.readBoolean())`, "0100\ntrue false"},
		{`b.writeShort(-2); trace(hex(b)); b.position = 0; trace(b.readShort()); b.position = 0; trace(b.readUnsignedShort())`, "fffe\n-2\n65534"},
		{`b.endian = "littleEndian"; b.writeShort(1); b.writeInt(1); trace(hex(b)); b.position = 0; trace(b.readShort(), b.readInt())`,
			"010001000000\n1 1"},
		{`b.writeInt(-2); b.writeUnsignedInt(4294967295); b.position = 0; trace(b.readInt(), b.readUnsignedInt()); trace(hex(b))`,
			"-2 4294967295\nfffffffeffffffff"},
		{`b.writeInt(1e20); b.writeInt(NaN); b.writeInt(-Infinity); trace(hex(b))`, "631000000000000000000000"},
		{`b.writeFloat(1.5); b.writeDouble(-0.1); trace(hex(b)); b.position = 0; trace(b.readFloat(), b.readDouble())`,
			"3fc00000bfb999999999999a\n1.5 -0.1"},
		{`b.writeUTF("hé"); trace(hex(b)); b.position = 0; trace(b.readUTF())`, "000368c3a9\nhé"},
		{`b.writeUTFBytes("a\uD83D\uDE00"); trace(hex(b)); b.position = 1; trace(b.readUTFBytes(4))`, "61f09f9880\n😀"},
		{`b.writeMultiByte("é€", "iso-8859-1"); b.writeMultiByte("é", "us-ascii"); trace(hex(b)); b.position = 0; trace(b.readMultiByte(2, "ISO-8859-1"))`,
			"e93f3f\né?"},
		{`b.writeMultiByte("a😀", "utf-16"); b.writeMultiByte("a", "unicodeFFFE"); trace(hex(b)); b.position = 0; trace(b.readMultiByte(6, "unicode"), b.readMultiByte(2, "utf-16be"))`,
			"61003dd800de0061\na😀 a"},
		{`b.writeUTFBytes("\uFEFFabc"); trace(b); trace(b.toString().length, "" + b)`, "abc\n3 abc"},
		{`b.writeByte(1); b.clear(); trace(b.length, b.position)`, "0 0"},
		{`b.length = 3; trace(hex(b), b.position); b.position = 3; b.length = 1; trace(hex(b), b.position)`, "000000 0\n00 1"},
		{`b.writeUTFBytes("abc"); b.length = 1; b.length = 3; trace(hex(b))`, "610000"},
		{`b.position = 2; trace(b.length, b.bytesAvailable); b.writeByte(1); trace(hex(b))`, "0 0\n000001"},
		{`b.length = 9; b.bytesAvailable = 4; trace(b.bytesAvailable)`, "9"},
		{`b.objectEncoding = 0; b.writeObject("x"); trace(hex(b)); b.position = 0; trace(b.readObject(), b.position)`, "02000178\nx 4"},
		{`b.writeObject({a: [1, b]}); b.position = 0; var o = b.readObject(); trace(o.a[0], o.a[1] instanceof ByteArray, o.a[1].length)`, "1 true 0"},
		{`b.writeObject(1); b.writeObject("x"); b.position = 0; trace(b.readObject(), b.readObject(), b.bytesAvailable)`, "1 x 0"},
		{`ByteArray.defaultObjectEncoding = 0; trace(new ByteArray().objectEncoding, b.objectEncoding)`, "0 3"},
	} {
		newHeap(t).check("var b = new ByteArray(); "+test.source, test.want)
	}
}

func TestBytesAreCopiedBetweenArrays(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`a.writeBytes(b); trace(hex(a), a.position, b.position)`, "616263646566 6 0"},
		{`a.writeBytes(b, 4); trace(hex(a))`, "6566"},
		{`a.writeBytes(b, 1, 2); trace(hex(a))`, "6263"},
		{`a.writeBytes(b, 4, 100); a.writeBytes(b, 100); trace(hex(a))`, "6566"},
		{`b.writeBytes(b); trace(b)`, "abcdef"},
		{`b.position = 6; b.writeBytes(b); trace(b)`, "abcdefabcdef"},
		{`b.readBytes(a); trace(a, a.position, b.position)`, "abcdef 0 6"},
		{`b.position = 1; b.readBytes(a, 2, 3); trace(hex(a), b.position)`, "0000626364 4"},
		{`b.readBytes(b, 3); trace(b, b.length)`, "abcabcdef 9"},
		{`trace(fails(function () { b.readBytes(a, 0, 7) }), a.length)`, "Error #2030: End of file was encountered. 0"},
		{`trace(fails(function () { b.readBytes({}) }))`, "Error #2007: Parameter bytes must be non-null."},
		{`trace(fails(function () { b.writeBytes(null) }))`, "Error #2007: Parameter bytes must be non-null."},
	} {
		newHeap(t).check(`var a = new ByteArray(), b = new ByteArray(); b.writeUTFBytes("abcdef"); b.position = 0; `+test.source, test.want)
	}
}

func TestReadingPastTheEndThrows(t *testing.T) {
	const want = "Error #2030: End of file was encountered."
	for _, call := range []string{
		"readBoolean()", "readByte()", "readUnsignedByte()", "readShort()", "readUnsignedShort()", "readInt()", "readUnsignedInt()",
		"readFloat()", "readDouble()", "readUTF()", "readUTFBytes(2)", "readMultiByte(2, 'utf-8')", "readUTFBytes(-1)", "readObject()",
		"readBytes(new ByteArray(), 0, 5)",
	} {
		h := newHeap(t)
		h.check(`var b = new ByteArray(); b.position = 5; trace(fails(function () { b.`+call+` }), b.position)`, want+" 5")
	}
	h := newHeap(t)
	h.check(`var b = new ByteArray(); b.writeShort(9); b.position = 0; trace(fails(function () { b.readUTF() }), b.position)`, want+" 0")
	h.check(`try { b.clear(); b.readByte() } catch (e) { trace(e instanceof Error, e.errorID) }`, "true 2030")
}

func TestIndexes(t *testing.T) {
	h := newHeap(t)
	h.check(`var b = new ByteArray(); b[0] = 1; b[2] = -1; b[1] = 257; trace(hex(b), b.length, b.position)`, "0101ff 3 0")
	h.check(`trace(b[3], b[-1], b["1"])`, "undefined undefined 1")
	h.check(`trace(fails(function () { b[-1] = 0 }))`, "Error #2006: The supplied index is out of bounds.")
	h.check(`trace(fails(function () { b[67108864] = 0 }), b.length)`, "Error #1000: The system is out of memory. 3")
	h.check(`trace(fails(function () { b[0] = {valueOf: function () { throw new Error("no") }} }), b[0])`, "no 1")
	h.check(`trace(ByteArray.prototype[0])`, "undefined")
	h.check(`var i = 0; for (var k in b) i++; trace(i)`, "0")
}

func TestArraysAreOrdinaryObjects(t *testing.T) {
	h := newHeap(t)
	h.check(`var b = new ByteArray(); b.name = "x"; trace(b.name, b.nothing, b instanceof ByteArray, b.hasOwnProperty("name"))`, "x undefined true true")
	h.check(`ByteArray.prototype.twice = function () { return 2 * this.length }; b.writeInt(1); trace(b.twice())`, "8")
	h.check(`function Sub() {} Sub.prototype = new ByteArray(); var s = new Sub(); s.writeByte(7); trace(s[0], s.length)`, "7 1")
	h.check(`Object.defineProperty(b, "five", {get: function () { return 5 }}); trace(b.five)`, "5")
	h.check(`trace(fails(function () { ByteArray.prototype.readByte.call({}) }))`, "ByteArray.readByte was called on something else")
}

func TestCompression(t *testing.T) {
	h := newHeap(t)
	h.check(`
		var b = new ByteArray();
		for (var i = 0; i < 1000; i++) b.writeUTFBytes("abcdef");
		b.compress();
		trace(b.length < 100, b.position == b.length, b[0].toString(16));
		b.uncompress();
		trace(b.length, b.position, b.readUTFBytes(6));
		b.compress("deflate"); b.uncompress("deflate");
		trace(b.length);
	`, "true true 78\n6000 0 abcdef\n6000")
	h.check(`
		trace(fails(function () { b.uncompress() }), b.length);
		trace(fails(function () { b.compress("lzma") }));
		b.length = 0;
		trace(fails(function () { b.uncompress("deflate") }));
	`, "Error #2058: There was an error decompressing the data. 6000\n"+
		"Error #2008: Parameter algorithm must be one of the accepted values.\n"+
		"Error #2058: There was an error decompressing the data.")
}

func TestBombsDoNotInflate(t *testing.T) {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	for range MaxLength/(1<<20) + 1 {
		_, _ = w.Write(make([]byte, 1<<20))
	}
	_ = w.Close()
	h := newHeap(t)
	_ = h.VM.Set("b", h.values.ToScript(&amf.ByteArray{Bytes: packed.Bytes()}))
	h.check(`trace(fails(function () { b.uncompress() }), b.length)`, fmt.Sprintf("Error #1000: The system is out of memory. %d", packed.Len()))
}

func TestArraysDoNotGrowWithoutEnd(t *testing.T) {
	const want = "Error #1000: The system is out of memory."
	for _, source := range []string{
		`b.length = 67108865`, `b.length = -1`, `b.position = 4294967295; b.writeByte(1)`, `b.position = 67108864; b.writeByte(1)`,
		`b.position = 67108863; b.writeUTF("")`, `b.length = 1; b.readBytes(new ByteArray(), 4294967295)`,
		`b.length = 40000000; b.position = 40000000; b.writeBytes(b)`,
	} {
		newHeap(t).check(`var b = new ByteArray(); trace(fails(function () { `+source+` }))`, want)
	}
}

func TestMisuseThrows(t *testing.T) {
	h := newHeap(t)
	h.check(`
		var b = new ByteArray();
		trace(fails(function () { b.endian = "middle" }));
		trace(fails(function () { b.objectEncoding = 1 }));
		trace(fails(function () { b.writeUTF(new Array(65537).join("x")) }));
		trace(fails(function () { b.writeObject({get x() { throw new Error("own") }}) }), b.length);
		trace(fails(function () { b.objectEncoding = 0; b.writeObject(b) }));
		b.writeByte(99); b.position = 0;
		trace(fails(function () { b.readObject() }), b.position);
	`, "Error #2008: Parameter endian must be one of the accepted values.\n"+
		"Error #2008: Parameter objectEncoding must be one of the accepted values.\n"+
		"Error #2006: The supplied index is out of bounds.\n"+
		"own 0\n"+
		"amf: value has no AMF0 form: *amf.ByteArray\n"+
		"amf: unknown type marker 0x63 at byte 0 0")
}

func TestArraysTravel(t *testing.T) {
	h := newHeap(t)
	if v, err := h.values.FromScript(h.VM.NewObject()); err != nil || !amf.Equal(v, amf.NewObject()) {
		t.Errorf("before the class is there: %s, %v", amf.Format(v), err)
	}
	_ = h.VM.Set("b", h.values.ToScript(&amf.ByteArray{Bytes: []byte{1, 2}}))
	h.check(`trace(b instanceof ByteArray, hex(b), b.position); b[0] = 9`, "true 0102 0")
	v, err := h.values.FromScript(h.VM.Get("b"))
	if err != nil || !amf.Equal(v, &amf.ByteArray{Bytes: []byte{9, 2}}) {
		t.Errorf("got %s, %v", amf.Format(v), err)
	}
}

func FuzzReadObject(f *testing.F) {
	for _, v := range []amf.Value{1.0, "x", amf.NewArray(amf.NewObject()), &amf.ByteArray{Bytes: []byte{1}}} {
		b, err := amf.Append3(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
	}
	f.Add([]byte{3, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, false)
	h := newHeap(f)
	h.run(`
		function readAll(b) {
			var last = -1;
			while (b.bytesAvailable > 0) {
				if (b.position <= last) throw new Error("no progress");
				last = b.position;
				try { b.readObject() } catch (e) {
					if (b.position != last) throw new Error("moved by an error");
					return;
				}
			}
		}`)
	f.Fuzz(func(t *testing.T, data []byte, three bool) {
		o := h.values.ToScript(&amf.ByteArray{Bytes: data}).(*goja.Object)
		if !three {
			_ = o.Set("objectEncoding", 0)
		}
		read, _ := h.Method(h.VM.GlobalObject(), "readAll")
		if _, err := h.Call(read, goja.Undefined(), o); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzUncompress(f *testing.F) {
	b := &buffer{data: []byte("abcabcabc")}
	if err := b.compress("zlib"); err != nil {
		f.Fatal(err)
	}
	f.Add(b.data)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, algorithm := range []string{"zlib", "deflate"} {
			b := &buffer{data: bytes.Clone(data), position: 1}
			if err := b.uncompress(algorithm); err != nil && (b.position != 1 || !bytes.Equal(b.data, data)) {
				t.Fatal("an error changed the array")
			}
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	h := newHeap(b)
	h.run(`var bytes = new ByteArray(); bytes.length = 100; function loop(n) { for (var i = 0; i < n; i++) bytes[i % 100] = bytes[(i + 1) % 100] }`)
	loop, _ := h.Method(h.VM.GlobalObject(), "loop")
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := h.Call(loop, goja.Undefined(), h.VM.ToValue(b.N)); err != nil {
		b.Fatal(err)
	}
}
