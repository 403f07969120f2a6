// Package sharedobjects has the state of remote shared objects and keeps the persistent ones on disk. It knows no clients,
// scripts or wire (server-side-api 2.5, 3.8).
//
// An [Object] is a list of named values with a version that grows by one for each batch of changes. It remembers enough to
// tell a client that was away what it missed ([Object.Changes]). It belongs to one goroutine, that of the application
// instance that owns it.
//
// A [Store] keeps objects in one file and writes them from a goroutine of its own, many objects in one transaction. What it
// is handed is encoded and immutable, and only what has changed, so that neither side waits for the other.
//
//	store, err := sharedobjects.Open("data/sharedobjects.db", sharedobjects.Options{})
//	room := store.Instance("videochat", "room1")
//	users, err := room.Load("users")
//	if errors.Is(err, sharedobjects.ErrNotFound) {
//		users, err = room.Create("users"), nil
//	}
//	tell(newSubscriber, users.Changes(versionItHas))
//	users.Set("anna", true)
//	tell(allSubscribers, users.Last())
//	room.Commit(users)
//
// # Versions
//
// A client says which version it has, so a version must never come twice with different content, also not after a crash
// that lost the last second. The store therefore keeps for each object, apart from its state, a reservation: a version above
// all that were handed out. It is renewed ahead of need with the writes that happen anyway, and only an object that outruns
// it waits for the disk. After a crash an object goes on above its reservation, and clients with a version from before get
// everything. After a clean end they get what they missed.
package sharedobjects
