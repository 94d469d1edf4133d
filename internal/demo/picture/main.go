// Command picture draws docs/demo.svg: it reads what a demo has written to a terminal, and
// writes the terminal's last state as an SVG, with every fifth row of the table. Run it by
// `make picture`.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
)

func main() {
	if err := draw(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func draw(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(bufio.NewReader(in))
	if err != nil {
		return err
	}
	var s screen
	s.write(string(text))
	_, err = io.WriteString(out, svg(fewer(s.lines)))
	return err
}

// lineOfRow is a line of the demo's table of rows.
var lineOfRow = regexp.MustCompile(`^[0-9a-f]{6} `)

const eachOf = 5

// fewer keeps the first of each five rows of the table.
func fewer(lines []line) (kept []line) {
	rows := 0
	for _, l := range lines {
		if lineOfRow.MatchString(l.text()) {
			if rows++; rows%eachOf != 1 {
				continue
			}
		}
		kept = append(kept, l)
	}
	return kept
}
