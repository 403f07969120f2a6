package amf_test

import (
	"fmt"

	"afterglow/amf"
)

func Example() {
	body, err := amf.Append0(nil, "connect", 1, amf.NewObject(
		amf.Property{Name: "app", Value: "live"},
		amf.Property{Name: "objectEncoding", Value: 3},
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := amf.Decode0(body, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	args, _ := values[2].(*amf.Object)
	fmt.Println(values[0], values[1], args.String("app"), args.Number("objectEncoding"))
	// Output: connect 1 live 3
}

func ExampleAppendExtended() {
	body, err := amf.AppendExtended(nil, "onStatus", 0, nil, amf.NewObject(
		amf.Property{Name: "level", Value: "status"},
	))
	fmt.Printf("% x %v\n", body[:12], err)
	fmt.Printf("% x\n", body[len(body)-19:])
	// Output:
	// 00 02 00 08 6f 6e 53 74 61 74 75 73 <nil>
	// 11 0a 0b 01 0b 6c 65 76 65 6c 06 0d 73 74 61 74 75 73 01
}

func ExampleRegistry_Register() {
	type color struct{ R, G, B byte }
	registry := &amf.Registry{}
	registry.Register("com.example.Color",
		func(r *amf.ExternalReader) (any, error) {
			b, err := r.Bytes(3)
			if err != nil {
				return nil, err
			}
			return color{b[0], b[1], b[2]}, nil
		},
		func(w *amf.ExternalWriter, v any) error {
			c := v.(color)
			return w.Bytes([]byte{c.R, c.G, c.B})
		})

	options := &amf.Options{Registry: registry}
	e := amf.NewEncoder3(nil, options)
	err := e.Encode(&amf.Object{Class: "com.example.Color", Externalizable: color{255, 128, 0}})
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := amf.Decode3(e.Bytes(), options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(values[0].(*amf.Object).Externalizable)
	// Output: {255 128 0}
}

func ExampleFormat() {
	fmt.Println(amf.Format(amf.NewObject(
		amf.Property{Name: "code", Value: "NetStream.Publish.Start"},
		amf.Property{Name: "ids", Value: amf.NewArray(1, 2)},
		amf.Property{Name: "when", Value: amf.Date{Milliseconds: 0}},
	)))
	// Output: {code: "NetStream.Publish.Start", ids: [1, 2], when: Date(1970-01-01T00:00:00.000Z)}
}
