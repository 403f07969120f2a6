package overrtmfp

import "slices"

// index finds clients by something that several may have in common: sessions may share an address, and a certificate that is no
// proof of who shows it can be copied. When the newest goes, the one before is found again.
type index[K comparable] map[K][]*client

func (x index[K]) add(key K, c *client) { x[key] = append(x[key], c) }

func (x index[K]) remove(key K, c *client) {
	all := x[key]
	i := slices.Index(all, c)
	switch {
	case i < 0:
	case len(all) == 1:
		delete(x, key)
	default:
		x[key] = slices.Delete(all, i, i+1)
	}
}

// newest returns the client that came last, nil if there is none.
func (x index[K]) newest(key K) *client {
	if all := x[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}
