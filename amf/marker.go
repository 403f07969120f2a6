package amf

// Type markers of AMF0 (2.1).
const (
	number0       = 0x00
	boolean0      = 0x01
	string0       = 0x02
	object0       = 0x03
	movieclip0    = 0x04
	null0         = 0x05
	undefined0    = 0x06
	reference0    = 0x07
	ecmaArray0    = 0x08
	objectEnd0    = 0x09
	strictArray0  = 0x0A
	date0         = 0x0B
	longString0   = 0x0C
	unsupported0  = 0x0D
	recordset0    = 0x0E
	xmlDocument0  = 0x0F
	typedObject0  = 0x10
	avmplusMarker = 0x11
)

// Type markers of AMF3 (3.1).
const (
	undefined3    = 0x00
	null3         = 0x01
	false3        = 0x02
	true3         = 0x03
	integer3      = 0x04
	double3       = 0x05
	string3       = 0x06
	xmlDocument3  = 0x07
	date3         = 0x08
	array3        = 0x09
	object3       = 0x0A
	xml3          = 0x0B
	byteArray3    = 0x0C
	vectorInt3    = 0x0D
	vectorUint3   = 0x0E
	vectorDouble3 = 0x0F
	vectorObject3 = 0x10
	dictionary3   = 0x11
)

// Bounds of the 29-bit integers of AMF3 (1.3.1, 3.6).
const (
	maxU29 = 1<<29 - 1
	maxInt = 1<<28 - 1
	minInt = -1 << 28
	// maxLen is the longest length that fits beside the reference flag.
	maxLen = 1<<28 - 1
)
