package trace

import (
	"encoding/binary"
	"fmt"
	"strings"

	"afterglow/amf"
	"afterglow/media"
)

// The types of RTMP messages.
const (
	typeChunkSize   = 1
	typeAbort       = 2
	typeAcknowledge = 3
	typeControl     = 4
	typeWindow      = 5
	typeBandwidth   = 6
	typeAudio       = 8
	typeVideo       = 9
	typeData3       = 15
	typeShared3     = 16
	typeCommand3    = 17
	typeData        = 18
	typeShared      = 19
	typeCommand     = 20
	typeAggregate   = 22
)

// describeRTMP gives the type and the content of an RTMP message in words.
func describeRTMP(number uint8, timestamp uint32, payload []byte) (name, text string) {
	switch number {
	case typeControl:
		return "control", describeControl(payload)
	case typeAudio:
		return "audio", describeAudio(payload)
	case typeVideo:
		return "video", describeVideo(payload)
	case typeCommand:
		values, err := amf.Decode0(payload, amfOptions())
		return "command", describeCommand(values, err)
	case typeCommand3:
		values, err := amf.DecodeExtended(payload, amfOptions())
		return "command (AMF3)", describeCommand(values, err)
	case typeData:
		values, err := amf.Decode0(payload, amfOptions())
		return "data", describeData(values, err)
	case typeData3:
		values, err := amf.DecodeExtended(payload, amfOptions())
		return "data (AMF3)", describeData(values, err)
	case typeShared:
		return "shared object", preview(payload)
	case typeShared3:
		return "shared object (AMF3)", preview(payload)
	case typeAggregate:
		return "aggregate", preview(payload)
	case typeChunkSize, typeAbort, typeAcknowledge, typeWindow, typeBandwidth:
		return unusedName(number), "has no meaning in RTMFP: " + preview(payload)
	}
	return fmt.Sprintf("type %d", number), preview(payload)
}

// unusedName names the messages that are about the chunk stream of RTMP, and are not used here (RFC 7425 5.1).
func unusedName(number uint8) string {
	switch number {
	case typeChunkSize:
		return "set chunk size"
	case typeAbort:
		return "abort"
	case typeAcknowledge:
		return "acknowledgement"
	case typeWindow:
		return "window size"
	}
	return "set peer bandwidth"
}

// amfOptions limits what the values of one message may cost.
func amfOptions() *amf.Options {
	return &amf.Options{Limits: amf.Limits{MaxDepth: 32, MaxElements: 1 << 14, MaxBytes: 1 << 20}}
}

// describeCommand writes a command as a call, with the number of its transaction if it has one: connect#1({…}).
func describeCommand(values []amf.Value, err error) string {
	name, isText := first(values).(string)
	if !isText {
		return describeData(values, err)
	}
	name = callName(name)
	values = values[1:]
	if transaction, ok := first(values).(float64); ok {
		if transaction != 0 {
			name += fmt.Sprintf("#%g", transaction)
		}
		values = values[1:]
	}
	if len(values) > 0 && values[0] == nil { // no command object
		values = values[1:]
	}
	return name + "(" + formatAll(values) + ")" + formatError(err)
}

func first(values []amf.Value) amf.Value {
	if len(values) == 0 {
		return nil
	}
	return values[0]
}

// callName gives names as they are, and quotes what is none.
func callName(name string) string {
	plain := name != "" && len(name) < 64 && strings.IndexFunc(name, func(r rune) bool {
		return r != '_' && r != '.' && r != '@' && r != '|' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
	if plain {
		return name
	}
	return amf.Format(name)
}

func describeData(values []amf.Value, err error) string { return formatAll(values) + formatError(err) }

// formatAll writes values with commas between. Their number is limited by their size: what is too long is cut short.
func formatAll(values []amf.Value) string {
	const most = 4096
	var text strings.Builder
	for i, v := range values {
		if i > 0 {
			text.WriteString(", ")
		}
		if text.Len() > most {
			text.WriteString("…")
			break
		}
		text.WriteString(amf.Format(v))
	}
	return text.String()
}

func formatError(err error) string {
	if err == nil {
		return ""
	}
	return " [" + err.Error() + "]"
}

// describeControl puts a user control event into words (RTMP 7.1.7; RFC 7425 5.2 and 5.3.4).
func describeControl(payload []byte) string {
	if len(payload) < 2 {
		return "no event: " + preview(payload)
	}
	event, rest := binary.BigEndian.Uint16(payload), payload[2:]
	known, ok := controlEvent(event)
	if !ok || len(rest) < 4*len(known.values) {
		return fmt.Sprintf("event %d: %s", event, preview(rest))
	}
	texts := []string{}
	for i, value := range known.values {
		texts = append(texts, fmt.Sprintf("%s %d", value, binary.BigEndian.Uint32(rest[4*i:])))
	}
	if len(texts) == 0 {
		return known.name
	}
	return known.name + ": " + strings.Join(texts, ", ")
}

// control is a kind of user control event: its name, and those of its values of 32 bits.
type control struct {
	name   string
	values []string
}

func controlEvent(event uint16) (control, bool) {
	switch event {
	case 0:
		return control{"stream begin", []string{"stream"}}, true
	case 1:
		return control{"stream EOF", []string{"stream"}}, true
	case 2:
		return control{"stream dry", []string{"stream"}}, true
	case 3:
		return control{"set buffer length", []string{"stream", "ms"}}, true
	case 4:
		return control{"stream is recorded", []string{"stream"}}, true
	case 6:
		return control{"ping", []string{"time"}}, true
	case 7:
		return control{"pong", []string{"time"}}, true
	case 26:
		return control{"SWF verification request", nil}, true
	case 27:
		return control{"SWF verification response", nil}, true
	case 31:
		return control{"buffer empty", []string{"stream"}}, true
	case 32:
		return control{"buffer ready", []string{"stream"}}, true
	case 34:
		return control{"flow sync", []string{"barrier", "flows"}}, true
	case 41:
		return control{"keepalive periods", []string{"server ms", "peers ms"}}, true
	}
	return control{}, false
}

func describeAudio(payload []byte) string {
	info := media.Parse(media.KindAudio, payload)
	words := mediaWords(info)
	if info.Silence {
		words = append(words, "silence")
	}
	return strings.Join(words, ", ")
}

func describeVideo(payload []byte) string {
	info := media.Parse(media.KindVideo, payload)
	words := mediaWords(info)
	switch {
	case info.Type == media.PacketCommand:
		words = append(words, "command frame")
	case info.Type == media.PacketCodedFrames || info.Type == media.PacketCodedFramesX:
		words = append(words, frameName(info.Frame))
	}
	if info.CompositionTime != 0 {
		words = append(words, fmt.Sprintf("shown %+d ms", info.CompositionTime))
	}
	return strings.Join(words, ", ")
}

// mediaWords is what audio and video have in common.
func mediaWords(info media.Info) (words []string) {
	if info.Codec != media.CodecNone {
		words = append(words, info.Codec.String())
	}
	if info.FourCC != 0 && info.FourCC.String() != info.Codec.String() {
		words = append(words, fmt.Sprintf("%q", info.FourCC))
	}
	if info.Config {
		words = append(words, "configuration")
	}
	if info.SequenceEnd {
		words = append(words, "end of sequence")
	}
	if info.Metadata {
		words = append(words, "metadata")
	}
	if info.TrackCount > 1 {
		words = append(words, fmt.Sprintf("%d tracks", info.TrackCount))
	}
	if info.Err != nil {
		words = append(words, "["+info.Err.Error()+"]")
	}
	return words
}

func frameName(f media.FrameType) string {
	switch f {
	case media.FrameKey:
		return "keyframe"
	case media.FrameInter:
		return "inter frame"
	case media.FrameDisposable:
		return "disposable frame"
	case media.FrameGeneratedKey:
		return "generated keyframe"
	case media.FrameCommand:
		return "command frame"
	}
	return fmt.Sprintf("frame type %d", f)
}
