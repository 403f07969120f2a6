package wire_test

import (
	"encoding/hex"
	"fmt"

	"afterglow/rtmfp/wire"
)

// Figure 3 of RFC 7016 in a packet: three messages of a flow, of which the second and third need no numbers.
func ExampleDescribe() {
	packet, err := hex.DecodeString("89b7ef" + "10000700020503000102" + "11000400030405" + "11000400060708" + "5100050504810001" + "ffff")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(wire.Describe(packet))
	// Output:
	// initiator critical timestamp=47087, 37 bytes
	//   UserData flow=2 sequence=5 forward=2 whole data=000102
	//   NextUserData flow=2 sequence=6 forward=2 whole data=030405
	//   NextUserData flow=2 sequence=7 forward=2 whole data=060708
	//   RangeAck flow=5 buffer=4 KiB up to 128
	//   padding 2 bytes
}

// A packet is made by appending: its header, then chunks.
func ExampleUserData_AppendHeader() {
	data := []byte("hello")
	user := wire.UserData{FlowID: 2, Sequence: 1, HasOptions: true, Options: wire.AppendReturnAssociation(nil, 5)}

	packet := wire.Header{Mode: wire.ModeResponder, HasTimestamp: true, Timestamp: 250}.Append(nil)
	packet = user.AppendHeader(packet, len(data))
	packet = append(packet, data...)
	packet = wire.Ack{FlowID: 5, BufferBlocks: 64, Cumulative: 3}.Append(packet, 1200)

	fmt.Println(hex.EncodeToString(packet))
	// Output: 0a00fa10000d80020101020a050068656c6c6f510003054003
}
