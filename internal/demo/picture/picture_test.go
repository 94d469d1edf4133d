package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The picture has what a terminal shows at the end: bars that were drawn again stand there
// once, with their colour, and of the table every fifth row.
func TestDraw(t *testing.T) {
	t.Parallel()
	in := "bars\r\n\x1b[32m█\x1b[0m░  1/2\r\n\x1b[1A\x1b[J\x1b[32m██\x1b[0m 2/2\r\n"
	for range 7 {
		in += "0123ab generate \x1b[31mfailed <x>\x1b[0m\r\n"
	}
	var out bytes.Buffer
	require.NoError(t, draw(strings.NewReader(in), &out))
	picture := out.String()
	require.Equal(t, 1, strings.Count(picture, `class="g">██</text>`), picture)
	require.NotContains(t, picture, "1/2")
	require.Equal(t, 2, strings.Count(picture, `class="r">failed &lt;x&gt;</text>`), picture)
	for d := xml.NewDecoder(&out); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
	}
}
