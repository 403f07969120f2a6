package flash

import (
	"crypto/rand"
	"fmt"
	"testing"
)

func BenchmarkSeal(b *testing.B) {
	for _, agreed := range allTerms {
		b.Run(agreed.String(), func(b *testing.B) {
			near, _ := cipherPair(agreed)
			buffer := make([]byte, 0, 1500)
			b.SetBytes(1200)
			b.ReportAllocs()
			for b.Loop() {
				near.Seal(buffer[:near.Front()+1200])
			}
		})
	}
}

// BenchmarkOpen includes a copy of the sealed packet.
func BenchmarkOpen(b *testing.B) {
	for _, agreed := range allTerms {
		b.Run(agreed.String(), func(b *testing.B) {
			near, far := cipherPair(agreed)
			sealed := seal(near, make([]byte, 1200))
			packet := make([]byte, len(sealed))
			b.SetBytes(1200)
			b.ReportAllocs()
			for b.Loop() {
				copy(packet, sealed)
				far.window = replayWindow{}
				if _, err := far.Open(packet); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkExponentiation is one with a private exponent.
func BenchmarkExponentiation(b *testing.B) {
	for _, g := range allGroups {
		b.Run(fmt.Sprint("group ", g.id), func(b *testing.B) {
			key := generate(b, g.id)
			for b.Loop() {
				g.power(g.two, key.exponent)
			}
		})
	}
}

// BenchmarkHandshake is the responder's part: parsing the certificate, Respond.
func BenchmarkHandshake(b *testing.B) {
	for _, g := range allGroups {
		client := identity(b, IdentityConfig{Keys: []*PrivateKey{generate(b, g.id)}})
		ephemeral := identity(b, IdentityConfig{Groups: []Group{g.id}})
		static := identity(b, IdentityConfig{Keys: []*PrivateKey{generate(b, g.id)}})
		for name, server := range map[string]*Identity{"ephemeral": ephemeral, "static": static} {
			b.Run(fmt.Sprintf("group %d, %s", g.id, name), func(b *testing.B) {
				initiation, err := client.Initiate(rand.Reader, server.Certificate())
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := server.Respond(rand.Reader, parse(b, client.Certificate().Bytes()), initiation.Component()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkCipherMemory reports the bytes that a session's cipher takes; what its making leaves behind is counted too.
func BenchmarkCipherMemory(b *testing.B) {
	for _, agreed := range allTerms {
		b.Run(agreed.String(), func(b *testing.B) {
			keys := deriveKeys([]byte("secret"), []byte("near"), []byte("far"))
			b.ReportAllocs()
			for b.Loop() {
				newPacketCipher(&keys, agreed)
			}
		})
	}
}

func BenchmarkChecksum(b *testing.B) {
	data := make([]byte, 1200)
	b.SetBytes(1200)
	for b.Loop() {
		checksum(data)
	}
}

func BenchmarkRefusal(b *testing.B) {
	server := identity(b, IdentityConfig{})
	client := identity(b, IdentityConfig{Keys: []*PrivateKey{generate(b, Group2)}})
	for b.Loop() {
		if _, _, err := server.Respond(rand.Reader, client.certificate, []byte{2, 0x1d, 16}); err == nil {
			b.Fatal("no refusal")
		}
	}
}
