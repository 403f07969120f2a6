package sharedobjects_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"afterglow/sharedobjects"
)

// A client that was away is told what it missed.
func ExampleObject_Changes() {
	o := sharedobjects.New("users", sharedobjects.Limits{})
	o.Set("anna", "idle")
	o.Set("bert", "idle")
	seen := o.Version()

	o.Begin()
	o.Set("anna", "typing")
	o.Delete("bert")
	o.Commit()

	d := o.Changes(seen)
	fmt.Println("clear:", d.Clear)
	fmt.Println("set:", d.Set)
	fmt.Println("removed:", d.Removed)
	fmt.Println("version:", d.Version)
	// Output:
	// clear: false
	// set: [{anna typing}]
	// removed: [bert]
	// version: 3
}

// An instance loads a persistent object or begins a new one.
func ExampleNamespace_Load() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	store, err := sharedobjects.Open(filepath.Join(folder, "sharedobjects.db"), sharedobjects.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()

	room := store.Instance("videochat", "room1")
	users, err := room.Load("users")
	if errors.Is(err, sharedobjects.ErrNotFound) {
		users, err = room.Create("users"), nil
	}
	if err != nil {
		panic(err)
	}
	users.Set("anna", true)
	room.Commit(users) // on disk soon
	if err := room.Flush(users); err != nil {
		panic(err)
	}
	fmt.Println(users.Version(), users.Dirty())
	room.Release(users)
	// Output:
	// 1 false
}

// Paths of clearSharedObjects may have wildcards.
func ExampleMatch() {
	fmt.Println(sharedobjects.Match("/rooms/*", "rooms/1/users"), sharedobjects.Match("/rooms/?", "rooms/12"))
	// Output:
	// true false
}
