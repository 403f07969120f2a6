package appcheck

// The type of a value is written as a string: a class (Client), an array or a map of them (Client[]), the constructor (#Client), a
// class of the script's own (@Room). Empty is unknown, and manyTypes is one thing here and another there.
const manyTypes = "?"

// knowledge is what has been found out about the values of an application's scripts. Reading the scripts again adds to it, until
// nothing is added any more.
type knowledge struct {
	*table
	functions  map[place]*function
	global     *scope
	properties map[string]string    // types of the script's own properties, by Class.name or path
	fields     map[string]string    // types of members of objects that are not known, by the name alone
	methods    map[string]*function // the script's own methods, likewise
	overridden map[string]bool      // members of the server's classes that the script has replaced
	own        map[string]bool      // names of members of the script's own objects
	mentioned  map[string]bool      // classes that occur by name
	changed    bool
}

// place is a token.
type place struct {
	file  int
	token int
}

// function is a function of the script's.
type function struct {
	name   string
	params []string
	this   string
	result string
	scope  *scope
}

// scope has the names that a function declares; the global one is that of all files.
type scope struct {
	parent    *scope
	function  *function // nil in the global scope
	names     map[string]string
	functions map[string]*function
}

func newScope(parent *scope, f *function) *scope {
	return &scope{parent: parent, function: f, names: make(map[string]string), functions: make(map[string]*function)}
}

func newKnowledge() *knowledge {
	return &knowledge{
		table: newTable(), functions: make(map[place]*function), global: newScope(nil, nil), properties: make(map[string]string), fields: make(map[string]string),
		methods: make(map[string]*function), overridden: make(map[string]bool), own: make(map[string]bool), mentioned: make(map[string]bool),
	}
}

// merge returns the type of something that has been known as one type and is another now.
func merge(known, now string) string {
	switch {
	case now == "" || now[0] == '#' || known == now:
		return known
	case known == "":
		return now
	}
	return manyTypes
}

// learn adds a type to a map.
func (k *knowledge) learn(types map[string]string, name, typ string) {
	known, there := types[name]
	if merged := merge(known, typ); merged != known || !there {
		types[name] = merged
		k.changed = true
	}
}

// learnOne adds a type to a variable.
func (k *knowledge) learnOne(known *string, typ string) {
	if merged := merge(*known, typ); merged != *known {
		*known = merged
		k.changed = true
	}
}

// mark adds a name to a set.
func (k *knowledge) mark(set map[string]bool, name string) {
	if !set[name] {
		set[name] = true
		k.changed = true
	}
}

// learnMethod notes that a property is a function of the script's.
func (k *knowledge) learnMethod(path string, f *function) {
	if path != "" && k.methods[path] == nil {
		k.methods[path] = f
		k.changed = true
	}
}

// find returns the scope that declares a name, nil if none does.
func (s *scope) find(name string) *scope {
	for ; s != nil; s = s.parent {
		if _, ok := s.names[name]; ok {
			return s
		}
	}
	return nil
}

// this returns the type of this.
func (s *scope) this() string {
	if s.function == nil {
		return ""
	}
	return s.function.this
}

// element returns what an array holds.
func element(typ string) string {
	if n := len(typ) - 2; n > 0 && typ[n:] == "[]" {
		return typ[:n]
	}
	return ""
}
