package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// root is where the pages are: README.md and docs/*.md.
const root = "../.."

// block is a fenced piece of a page, or a hidden one: a comment in HTML that the page's
// tests need and its readers do not.
type block struct {
	page, language, text string
	line                 int
	notRun               string // the reason why no test runs it
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

var (
	fence       = regexp.MustCompile("^( *)```([a-z]*)$")
	notRunMark  = regexp.MustCompile(`^ *<!-- not run: (.+) -->$`)
	hiddenBegin = regexp.MustCompile(`^<!-- run (sh|sql)$`)
)

// pages returns the pages, as paths from the root.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	all = append(all, filepath.Join(root, "README.md"))
	for i := range all {
		all[i], err = filepath.Rel(root, all[i])
		require.NoError(t, err)
	}
	return all
}

func readPage(t *testing.T, page string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, page))
	require.NoError(t, err)
	return strings.Split(string(raw), "\n")
}

// blocksOf returns the blocks of a page, in order.
func blocksOf(t *testing.T, page string) (all []block) {
	t.Helper()
	var open *block
	var end, indent, mark string
	for i, line := range readPage(t, page) {
		begin, hidden := fence.FindStringSubmatch(line), hiddenBegin.FindStringSubmatch(line)
		switch {
		case open != nil && line == end:
			all, open = append(all, *open), nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case begin != nil:
			open, indent, end = &block{page: page, language: begin[2], line: i + 1, notRun: mark}, begin[1], begin[1]+"```"
		case hidden != nil:
			open, indent, end = &block{page: page, language: hidden[1], line: i + 1}, "", "-->"
		}
		if m := notRunMark.FindStringSubmatch(line); m != nil {
			mark = m[1]
		} else if strings.TrimSpace(line) != "" {
			mark = ""
		}
	}
	require.Nil(t, open, "%s: a block has no end", page)
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile("^#+ +(.*)$")
	unsaid  = regexp.MustCompile("[^a-z0-9_ -]")
)

// anchors returns the names by which links reach the headings of a page, as GitHub makes
// them.
func anchors(t *testing.T, page string) (all []string) {
	t.Helper()
	for _, line := range readPage(t, page) {
		if m := heading.FindStringSubmatch(line); m != nil {
			all = append(all, strings.ReplaceAll(unsaid.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
		}
	}
	return all
}

// TestLinksOfPages: each link within the repository leads somewhere, also to a heading.
func TestLinksOfPages(t *testing.T) {
	t.Parallel()
	for _, page := range append(pages(t), "CONTRIBUTING.md", "CHANGELOG.md", "deploy/README.md") {
		for i, line := range readPage(t, page) {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				file, anchor, _ := strings.Cut(m[1], "#")
				target := page
				if file != "" {
					target = filepath.Join(filepath.Dir(page), file)
				}
				_, err := os.Stat(filepath.Join(root, target))
				require.NoError(t, err, "%s:%d", page, i+1)
				if anchor != "" {
					require.Contains(t, anchors(t, target), anchor, "%s:%d", page, i+1)
				}
			}
		}
	}
}

// TestFormOfPages: the README is short, lines are as long as elsewhere, and each page says
// at its top what it is about.
func TestFormOfPages(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, len(readPage(t, "README.md")), 151, "150 lines")
	for _, page := range pages(t) {
		lines := readPage(t, page)
		require.Regexp(t, `^# \S`, lines[0], page)
		require.Empty(t, lines[1], page)
		require.NotRegexp(t, "^(#|$|```|\\|)", lines[2], "%s says what it is about", page)
		requireShortLines(t, page, lines)
	}
}

// requireShortLines asserts that prose has lines that a terminal shows. Tables have longer
// ones.
func requireShortLines(t *testing.T, page string, lines []string) {
	t.Helper()
	inBlock := false
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inBlock = !inBlock
		}
		if !inBlock && !strings.HasPrefix(line, "|") {
			require.LessOrEqual(t, utf8.RuneCountInString(line), 160, "%s:%d", page, i+1)
		}
	}
}

var (
	variableNamed = regexp.MustCompile(`\bTASKSYNC_[A-Z0-9_]+[A-Z0-9]\b`)
	commandQuoted = regexp.MustCompile("`tasksync ([a-z][^`]*)`")
	flagNamed     = regexp.MustCompile(`--[a-z][a-z0-9-]*`)
)

// TestNamesInPages: each variable, command and flag that a page names is one of tasksync's.
func TestNamesInPages(t *testing.T) {
	t.Parallel()
	model := parsedModel(t)
	known := variables(model)
	for _, page := range pages(t) {
		for i, line := range readPage(t, page) {
			for _, name := range variableNamed.FindAllString(line, -1) {
				require.Contains(t, known, name, "%s:%d", page, i+1)
			}
			for _, m := range commandQuoted.FindAllStringSubmatch(line, -1) {
				requireCommand(t, model, m[1], fmt.Sprintf("%s:%d", page, i+1))
			}
		}
	}
}

var (
	lastCell  = regexp.MustCompile(`\| ([^|]*) \|$`)
	partsOf   = []string{"**Means:**", "**Look at:**", "**Do:**", "**Over:**"}
	paragraph = regexp.MustCompile(`(?m)^### (tasksync_[a-z_]+)\n\n((?:.+\n)+)`)
)

// TestAlertsHaveParagraphs: each metric that is worth an alert links to a paragraph of the
// runbook, and each paragraph says all that a reader needs at night.
func TestAlertsHaveParagraphs(t *testing.T) {
	t.Parallel()
	linked := strings.Join(readPage(t, "docs/metrics.md"), "\n")
	for line := range strings.Lines(linked) {
		if m := lastCell.FindStringSubmatch(strings.TrimSpace(line)); m != nil && strings.HasPrefix(line, "| `tasksync_") {
			require.True(t, m[1] == "–" || strings.Contains(m[1], "](runbook.md#"), line)
		}
	}
	found := paragraph.FindAllStringSubmatch(strings.Join(readPage(t, "docs/runbook.md"), "\n"), -1)
	require.NotEmpty(t, found)
	for _, m := range found {
		require.Contains(t, linked, "runbook.md#"+m[1]+")")
		for _, part := range partsOf {
			require.Equal(t, 1, strings.Count(m[2], part), "%s: %s", m[1], part)
		}
	}
}
