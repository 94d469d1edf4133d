package main

import (
	"fmt"
	"html"
	"strings"
)

const (
	columns                       = 80
	letterWidth, lineHeight       = 7.8, 17
	margin                        = 16
	background, foreground        = "#0d1117", "#c9d1d9"
	greenColour, redColour, empty = "#3fb950", "#ff7b72", "#484f58"
)

// svg returns the picture of lines of a terminal.
func svg(lines []line) string {
	width, height := columns*letterWidth+2*margin, lineHeight*(len(lines)+1)+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" role="img" aria-label="A run of make demo: 54 rows come to their ends">
<style>
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: %s; white-space: pre }
  .g { fill: %s } .r { fill: %s } .b { font-weight: 700 } .e { fill: %s }
</style>
<rect width="100%%" height="100%%" rx="8" fill="%s"/>
`, width, height, foreground, greenColour, redColour, empty, background)
	drawLine(&b, 0, cells("$ make demo"))
	for i, l := range lines {
		drawLine(&b, i+1, l)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func cells(text string) (l line) {
	for _, letter := range text {
		l = append(l, cell{letter: letter})
	}
	return l
}

// drawLine draws the letters of a line, those of one class together.
func drawLine(b *strings.Builder, row int, l line) {
	y := margin + lineHeight*row + lineHeight*3/4
	for from := 0; from < len(l); {
		to := from + 1
		for to < len(l) && class(l[to]) == class(l[from]) {
			to++
		}
		if text := l[from:to].text(); strings.TrimSpace(text) != "" {
			fmt.Fprintf(b, `<text x="%.1f" y="%d" textLength="%.1f" xml:space="preserve"%s>%s</text>`+"\n",
				margin+letterWidth*float64(from), y, letterWidth*float64(to-from), class(l[from]), html.EscapeString(text))
		}
		from = to
	}
}

// class returns the attribute for the colour of a letter.
func class(c cell) string {
	switch {
	case c.letter == '░':
		return ` class="e"`
	case c.colour == "32":
		return ` class="g"`
	case c.colour == "31":
		return ` class="r"`
	case c.colour == "1":
		return ` class="b"`
	}
	return ""
}
