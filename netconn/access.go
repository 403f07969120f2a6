package netconn

import "strings"

// Rights are what a client may do. They are values: nobody is asked when they are used. Lists are paths separated by
// semicolons; "/" is everything and "" nothing, and a path covers what begins with it.
type Rights struct {
	Read        string // streams to play, shared objects to follow
	Write       string // streams to publish, shared objects to change
	AudioSample string // streams whose sound Flash may read
	VideoSample string // streams whose pictures Flash may read
}

// AllRights permits reading and writing everything, but no sample access: what Adobe's server gives at first.
var AllRights = Rights{Read: "/", Write: "/"}

// Covers says whether an access list permits a name. A type prefix such as mp4: is not part of the name.
func Covers(list, name string) bool {
	if i := strings.IndexByte(name, ':'); i >= 0 && i < strings.IndexByte(name+"/", '/') {
		name = name[i+1:]
	}
	name = strings.TrimPrefix(name, "/")
	for path := range strings.SplitSeq(list, ";") {
		path = strings.TrimSpace(path)
		if path == "" {
			continue
		}
		path = strings.Trim(path, "/")
		if path == "" || name == path || strings.HasPrefix(name, path+"/") {
			return true
		}
	}
	return false
}
