package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// heap is an engine with the class, trace(), and what it complained of.
type heap struct {
	*engine.Engine
	files    *Files
	t        testing.TB
	root     string // the application's folder
	virtual  string // what scripts see as /virt
	traced   []string
	problems []engine.Problem
}

// newHeap makes a folder with main.asc, a.txt, and a directory with two files; beside it a secret.
func newHeap(t testing.TB, change func(*Options)) *heap {
	above := t.TempDir()
	h := &heap{t: t, root: filepath.Join(above, "app"), virtual: filepath.Join(above, "elsewhere")}
	put(t, filepath.Join(above, "secret.txt"), "secret")
	put(t, filepath.Join(h.root, "main.asc"), "trace(1)")
	put(t, filepath.Join(h.root, "a.txt"), "one\r\ntwo\n\nfour")
	put(t, filepath.Join(h.root, "sub", "b.txt"), "bee")
	put(t, filepath.Join(h.root, "sub", "c.log"), "")
	put(t, filepath.Join(h.root, "scripts", "lib.asc"), "")
	put(t, filepath.Join(h.virtual, "v.txt"), "virtual")
	e, err := engine.New(engine.Options{
		Post:   func(func()) bool { return false },
		Report: func(p engine.Problem) { h.problems = append(h.problems, p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	o := Options{Root: h.root, Virtual: map[string]string{"/virt": h.virtual, "/virt/deep/er": h.root}}
	if change != nil {
		change(&o)
	}
	h.Engine, h.files = e, Install(e, o)
	t.Cleanup(h.files.Close)
	_ = e.VM.Set("trace", func(call goja.FunctionCall) goja.Value {
		var line []string
		for _, a := range call.Arguments {
			line = append(line, a.String())
		}
		h.traced = append(h.traced, strings.Join(line, " "))
		return goja.Undefined()
	})
	h.run(`function content(path) { var f = new File(path); if (!f.open("text", "read")) return null; var s = f.read(1000); f.close(); return s }`)
	return h
}

func put(t testing.TB, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
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

func TestFilesAreReadAndWritten(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`var f = new File("/a.txt"); trace(f.exists, f.isFile, f.isDirectory, f.isOpen, f.length, f.name, f)`, "true true false false 14 /a.txt /a.txt"},
		{`var f = new File("sub"); trace(f.exists, f.isFile, f.isDirectory, f.length)`, "true false true 2"},
		{`var f = new File("/nothing"); trace(f.exists, f.isFile, f.isDirectory, f.length, f.canRead, f.canWrite, f.lastModified)`,
			"false false false 0 false false undefined"},
		{`var f = new File("//sub//b.txt"); trace(f.exists, content("/sub/b.txt"))`, "true bee"},
		{`var f = new File("a.txt"); trace(f.canRead, f.canWrite, f.canAppend, f.canReplace, f.mode, f.type, f.position)`,
			"true true true true undefined undefined undefined"},
		{`var f = new File("a.txt"); f.open("text", "read"); trace(f.isOpen, f.canRead, f.canWrite, f.canAppend, f.canReplace, f.mode, f.type, f.position)`,
			"true true false false false read text 0"},
		{`var f = new File("a.txt"); trace(f.lastModified instanceof Date, f.creationTime instanceof Date, new Date() - f.lastModified < 60000)`,
			"true true true"},
		{`var f = new File("a.txt"); f.open("text", "read"); trace(f.readAll().join("|")); trace(f.eof(), f.readln(), f.read(3) === "")`,
			"one|two||four\ntrue null true"},
		{`var f = new File("a.txt"); f.open("text", "read"); while (!f.eof()) trace(f.readln(), f.position); trace(f.close(), f.close())`,
			"one 5\ntwo 9\n 10\nfour 14\ntrue false"},
		{`var f = new File("a.txt"); f.open("text", "read"); trace(f.read(2), f.seek(3), f.readln(), f.seek(-4), f.readln(), f.seek(-100), f.position)`,
			"on 5 two 5 two -1 9"},
		{`var f = new File("n.txt"); trace(f.open("text", "create")); trace(f.write("a", 1, null), f.writeln("b"), f.writeAll(["c", 2]), f.position, f.flush(), f.close()); trace(content("n.txt"))`,
			"true\ntrue true true 12 true true\na1nullb\nc\n2\n"},
		{`var f = new File("a.txt"); f.open("text", "append"); trace(f.position); f.write("+"); trace(f.position); f.close(); trace(content("a.txt").slice(-5))`,
			"14\n15\nfour+"},
		{`var f = new File("new.log"); trace(f.open("text", "append"), f.write("x"), f.close(), content("new.log"))`, "true true true x"},
		{`var f = new File("a.txt"); f.open("text", "read, append"); trace(f.read(3), f.eof()); f.seek(-14); f.writeln("!"); f.seek(-16); trace(f.readln())`,
			" true\none"},
		{`var f = new File("sub/b.txt"); f.open("text", "readWrite"); trace(f.read(1)); f.write("E"); trace(f.read(5), f.seek(-3), f.readln())`,
			"b\ne 0 bEe"},
		{`var f = new File("sub/b.txt"); trace(f.open("text", "write"), f.write("X"), f.read(1), f.close(), content("sub/b.txt"))`, "true true null true Xee"},
		{`var f = new File("no.txt"); trace(f.open("text", "write"), f.open("text", "read"), f.exists)`, "false false false"},
		{`var f = new File("n.bin"); f.open("binary", "create"); trace(f.writeByte(255), f.writeByte(256 + 7), f.write("é\u0141"), f.length); f.close();
			f.open("binary", "read"); trace(f.readByte(), f.readByte(), f.read(1) == "é", f.readByte(), f.readByte(), f.readln())`,
			"true true true 4\n255 7 true 65 -1 null"},
		{`var f = new File("l.txt"); f.open("text", "create"); f.write("é€"); f.close(); trace(f.length, content("l.txt") == "é?")`, "2 true"},
		{`var f = new File("u.txt"); f.open("text", "create,utf8"); f.write("\uFEFFé€😀x"); f.close(); f.open("text", "read,utf8"); trace(f.length, f.read(2), f.read(9))`,
			"13 é€ 😀x"},
		{`var f = new File("a.txt"); f.open("text", "read"); trace(f.readByte(), f.writeByte(1), f.write("x"))`, "-1 false false"},
		{`var f = new File("a.txt"); trace(f.read(1), f.readln(), f.readAll(), f.write("x"), f.flush(), f.seek(0), f.eof())`, "null null null false false -1 true"},
		{`var f = new File("a.txt"); trace(f.open("text", "append,create"), f.open("words", "read"), f.open("text", "reed"), f.length)`, "false false false 14"},
		{`var f = new File("a.txt"); trace(f.open("text"), f.open("text", "read"))`, "true false"},
		{`trace(new File("sub").open("text", "read"), new File("sub").open("text", "create"), new File("x/y").open("text", "create"))`, "false false false"},
		{`var f = new File("a.txt"); f.open("text", "create"); trace(f.write({toString: function () { f.close(); return "x" }}))`, "false"},
		{`var f = new File("w.txt"); f.open("text", "create"); trace(f.writeAll("text"), f.writeAll([1, , 3])); f.close(); trace(content("w.txt"))`, "false true\n1\n\n3\n"},
	} {
		newHeap(t, nil).check(test.source, test.want)
	}
}

func TestFoldersAreListedMadeAndCleared(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`trace(new File("/").list().join())`, "/a.txt,/main.asc,/scripts,/sub"},
		{`var l = new File("sub").list(function (name) { return name.indexOf(".log") > 0 }); trace(l.join(), l[0] instanceof File, l[0].exists)`, "sub/c.log true true"},
		{`trace(new File("a.txt").list(), new File("none").list())`, "null null"},
		{`try { new File("sub").list(function () { throw new Error("mine") }) } catch (e) { trace(e.message) }`, "mine"},
		{`trace(new File("/").mkdir("bans"), new File("/bans").isDirectory, new File("/").mkdir("bans"), new File("/bans").mkdir("x"), new File("/bans/x").exists)`,
			"true true false true true"},
		{`trace(new File("a.txt").mkdir("x"), new File("/").mkdir("x/y"), new File("/").mkdir(""), new File("none").mkdir("x"))`, "false false false false"},
		{`var f = new File("a.txt"); trace(f.remove(), f.exists, f.remove())`, "true false false"},
		{`var f = new File("sub"); trace(f.remove(), f.exists, f.remove(true), f.exists)`, "false true true false"},
		{`var f = new File("a.txt"); f.open("text", "read"); trace(f.remove(), f.renameTo("b"), f.exists)`, "false false true"},
		{`trace(new File("sub/b.txt").renameTo("d.txt"), content("sub/d.txt"), new File("sub/b.txt").exists)`, "true bee false"},
		{`trace(new File("sub/b.txt").renameTo("/d.txt"), content("d.txt"))`, "true bee"},
		{`trace(new File("sub").renameTo("other"), content("other/b.txt"))`, "true bee"},
		{`trace(new File("a.txt").renameTo("sub/b.txt"), new File("a.txt").renameTo("sub"), new File("none").renameTo("x"), content("sub/b.txt"))`, "false false false bee"},
		{`trace(new File("sub/b.txt").copyTo("/d.txt"), content("d.txt"), content("sub/b.txt"), new File("sub/b.txt").copyTo("a.txt"), content("sub/a.txt"))`,
			"true bee bee true bee"},
		{`trace(new File("sub/b.txt").copyTo("/a.txt"), content("a.txt"))`, "true bee"},
		{`trace(new File("sub").copyTo("x"), new File("a.txt").copyTo("/sub"), new File("none").copyTo("x"), new File("a.txt").copyTo("a.txt"), new File("a.txt").length)`,
			"false false false false 14"},
		{`trace(content("/virt/v.txt"), new File("/virt").list().join(), new File("/virtual").exists)`, "virtual /virt/v.txt false"},
		{`trace(content("/virt/deep/er/sub/b.txt"), new File("/virt/deep").exists)`, "bee false"},
		{`trace(new File("/virt/v.txt").copyTo("/v.txt"), content("v.txt"), new File("a.txt").copyTo("/virt/a.txt"), new File("/virt/a.txt").length)`, "true virtual true 14"},
		{`trace(new File("a.txt").renameTo("/virt/a.txt"), new File("a.txt").exists)`, "false true"},
	} {
		newHeap(t, nil).check(test.source, test.want)
	}
}

func TestRootsStay(t *testing.T) {
	for _, path := range []string{"/", "//", "/virt", "virt/", "/virt/deep/er"} {
		h := newHeap(t, nil)
		h.check(`var f = new File("`+path+`"); trace(f.exists, f.remove(), f.remove(true), f.renameTo("x"), f.renameTo("/x"), f.open("text", "create"))`,
			"true false false false false false")
		for _, name := range []string{filepath.Join(h.root, "a.txt"), filepath.Join(h.virtual, "v.txt")} {
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

func TestCodeCannotBeChanged(t *testing.T) {
	h := newHeap(t, nil)
	put(t, filepath.Join(h.root, "Application.xml"), "<Application/>")
	for _, source := range []string{
		`new File("main.asc").open("text", "create")`,
		`new File("main.asc").open("text", "append")`,
		`new File("main.asc").open("text", "readWrite")`,
		`new File("MAIN.ASC").open("text", "create")`,
		`new File("new.asc").open("text", "create")`,
		`new File("new.asc. ").open("text", "create")`,
		`new File("new.asc::$DATA").open("text", "create")`,
		`new File("sub/lib.js").open("text", "append")`,
		`new File("x.far").open("binary", "create")`,
		`new File("Application.xml").open("text", "write")`,
		`new File("main.asc").remove()`,
		`new File("main.asc").renameTo("x.txt")`,
		`new File("a.txt").renameTo("x.asc")`,
		`new File("a.txt").copyTo("main.asc")`,
		`new File("a.txt").copyTo("/main.asc")`,
		`new File("scripts").remove(true)`,
		`new File("scripts").renameTo("old")`,
		`new File("/").mkdir("x.asc")`,
		`new File("/virt").mkdir("x.js")`,
		`new File("main.asc").canWrite`,
	} {
		h.check(`trace(`+source+`)`, "false")
	}
	h.check(`trace(content("main.asc"), new File("main.asc").copyTo("copy.txt"), content("copy.txt"))`, "trace(1) true trace(1)")

	open := newHeap(t, func(o *Options) {
		o.Denied = func(path string) bool { return path == "/sub/b.txt" || path == "/virt/v.txt" }
	})
	open.check(`trace(new File("main.asc").open("text", "create"), new File("sub/b.txt").remove(), new File("sub").remove(true), new File("/virt/v.txt").remove())`,
		"true false false false")
}

func TestPathsDoNotClimbOut(t *testing.T) {
	h := newHeap(t, nil)
	link(t, "../secret.txt", filepath.Join(h.root, "out.txt"))
	link(t, filepath.Join(filepath.Dir(h.root), "secret.txt"), filepath.Join(h.root, "absolute.txt"))
	link(t, "..", filepath.Join(h.root, "up"))
	link(t, "../secret.txt", filepath.Join(h.virtual, "out.txt"))
	link(t, "main.asc", filepath.Join(h.root, "harmless.txt"))
	link(t, "harmless.txt", filepath.Join(h.root, "twice.txt"))
	link(t, "a.txt", filepath.Join(h.root, "inside.txt"))
	for _, path := range []string{
		"../secret.txt", "/../secret.txt", "sub/../../secret.txt", "/virt/../secret.txt", "/virt/../../secret.txt", "./a.txt", "sub/.", "..",
		`..\\secret.txt`, `sub\\b.txt`, `a.txt\0`, "", "out.txt", "absolute.txt", "up/secret.txt", "/virt/out.txt",
		"virt/deep/er/../../../secret.txt",
	} {
		h.check(`trace(new File("a.txt").renameTo("`+path+`") && !new File("`+path+`").exists, new File("/").mkdir("`+path+`") && new File("`+path+`").exists)`, "false false")
		h.check(`
			var f = new File("`+path+`");
			trace(f.exists, f.canRead, f.length, f.open("text", "read"), f.open("text", "append"), f.copyTo("/stolen.txt"), f.list(),
				new File("a.txt").copyTo("`+path+`"), f.remove(true) && f.exists, new File("stolen.txt").exists);`,
			"false false 0 false false false null false false false")
		put(t, filepath.Join(h.root, "a.txt"), "again")
	}
	above := filepath.Dir(h.root)
	if b, err := os.ReadFile(filepath.Join(above, "secret.txt")); err != nil || string(b) != "secret" {
		t.Errorf("the secret is %q, %v", b, err)
	}
	if list, err := os.ReadDir(above); err != nil || len(list) != 3 {
		t.Errorf("beside the application: %v, %v", list, err)
	}
	h.check(`trace(new File("harmless.txt").open("text", "append"), new File("twice.txt").open("text", "create"), content("harmless.txt"))`,
		"false false trace(1)")
	h.check(`trace(content("inside.txt"), new File("inside.txt").open("text", "append"))`, "again true")
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip("no links here: ", err)
	}
}

func TestNothingExistsWithoutAFolder(t *testing.T) {
	for name, root := range map[string]string{"none": "", "gone": filepath.Join(t.TempDir(), "gone")} {
		h := newHeap(t, func(o *Options) { o.Root = root })
		h.check(`var f = new File("/"), g = new File("a.txt"); trace(f.exists, f.list(), f.mkdir("x"), f.remove(true), f.length);
			trace(g.exists, g.open("text", "create"), g.open("text", "read"), g.remove(), g.copyTo("b"), g.renameTo("b"), g.lastModified)`,
			"false null false false 0\nfalse false false false false false undefined")
		if h.check(`trace(content("/virt/v.txt"))`, "virtual"); t.Failed() {
			t.Error(name)
		}
	}
}

func TestReadingIsLimited(t *testing.T) {
	h := newHeap(t, func(o *Options) { o.MaxRead = 100 })
	put(t, filepath.Join(h.root, "big.txt"), strings.Repeat("x", 1000))
	put(t, filepath.Join(h.root, "lines.txt"), strings.Repeat("x\n", 80))
	put(t, filepath.Join(h.root, "empty.txt"), strings.Repeat("\n", 50))
	h.check(`function start(path) { var f = new File(path); f.open("text", "read"); return f }
		trace(start("big.txt").read(101), start("big.txt").read(Infinity), start("big.txt").readln(), start("big.txt").readAll())`, "null null null null")
	h.check(`trace(start("big.txt").read(100).length, start("lines.txt").readAll(), start("empty.txt").readAll(), start("lines.txt").readln())`, "100 null null x")
	h.check(`trace(start("a.txt").read(1e9).length, start("a.txt").read(-1) === "", start("a.txt").read(NaN) === "")`, "14 true true")
	if len(h.problems) != 6 || h.problems[0].Kind != engine.Warning || h.problems[0].Line != 2 || h.problems[0].File != "test.asc" {
		t.Errorf("reported %v", h.problems)
	}
}

func TestOpenFilesAreLimitedAndClosed(t *testing.T) {
	h := newHeap(t, func(o *Options) { o.MaxOpen = 3 })
	h.check(`var all = []; for (var i = 0; i < 5; i++) { all[i] = new File("a.txt"); trace(all[i].open("text", "read")) }`, "true\ntrue\ntrue\nfalse\nfalse")
	h.check(`all[0].close(); trace(all[4].open("text", "read"))`, "true")
	var kept []*os.File
	for f := range h.files.open {
		kept = append(kept, f)
	}
	h.files.Close()
	h.files.Close()
	for _, f := range kept {
		if _, err := f.Stat(); err == nil {
			t.Error("a file is still open")
		}
	}
	h.check(`trace(all[1].read(3), all[1].close(), new File("a.txt").exists)`, "null false false")
}

func TestMisuseThrowsAndRefusalWarns(t *testing.T) {
	h := newHeap(t, nil)
	h.check(`try { new File() } catch (e) { trace(e.message) }`, "File: a path is needed")
	if len(h.problems) != 0 {
		t.Errorf("reported %v", h.problems)
	}
	h.check(`new File("a.txt").open("text", "read"); new File("none").open("text", "read"); new File("none").remove()`, "")
	if len(h.problems) != 0 {
		t.Errorf("reported that something is not there: %v", h.problems)
	}
	for _, source := range []string{`new File("../x")`, `new File("a.txt").open("text", "reed")`, `new File("main.asc").remove()`, `new File("a.txt").read(1)`} {
		h.problems = nil
		h.run("\n" + source)
		if len(h.problems) != 1 || h.problems[0].Kind != engine.Warning || h.problems[0].Line != 2 || h.problems[0].Text != source {
			t.Errorf("%s: reported %v", source, h.problems)
		}
	}
}

func FuzzPaths(f *testing.F) {
	for _, p := range []string{"/", "a.txt", "../secret.txt", "/virt/v.txt", "virt/../..", `\`, "sub//b.txt", "\xff", "C:/x", "up/secret.txt"} {
		f.Add(p, "x")
	}
	h := newHeap(f, nil)
	_ = os.Symlink("..", filepath.Join(h.root, "up"))
	above := filepath.Dir(h.root)
	h.run(`function go(path, other) {
		var f = new File(path);
		f.open("text", "create"); f.write("x"); f.close(); f.list(); f.mkdir(other); f.copyTo(other); f.renameTo(other); f.remove(true);
		return f.exists && f.isFile;
	}`)
	f.Fuzz(func(t *testing.T, path, other string) {
		play, _ := h.Method(h.VM.GlobalObject(), "go")
		if _, err := h.Call(play, goja.Undefined(), h.VM.ToValue(path), h.VM.ToValue(other)); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"secret.txt": "secret", "app/main.asc": "trace(1)", "app/scripts/lib.asc": ""} {
			if b, err := os.ReadFile(filepath.Join(above, name)); err != nil || string(b) != want {
				t.Fatalf("%s is %q, %v", name, b, err)
			}
		}
		if list, err := os.ReadDir(above); err != nil || len(list) != 3 {
			t.Fatalf("beside the application: %v, %v", list, err)
		}
	})
}
