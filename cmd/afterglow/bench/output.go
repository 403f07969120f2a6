package bench

import (
	"fmt"
	"io"
	"os"
)

// Output is a report in both of its forms.
type Output interface {
	WriteTable(w io.Writer) error
	WriteJSON(w io.Writer) error
}

// Write writes the table to out, and JSON to the file jsonTo, or JSON to out alone for "-". It returns the first error.
func Write(o Output, jsonTo string, out io.Writer) error {
	if jsonTo == "-" {
		return o.WriteJSON(out)
	}
	if err := o.WriteTable(out); err != nil || jsonTo == "" {
		return err
	}
	f, err := os.Create(jsonTo)
	if err != nil {
		return err
	}
	if err := o.WriteJSON(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", jsonTo, err)
	}
	return f.Close()
}
