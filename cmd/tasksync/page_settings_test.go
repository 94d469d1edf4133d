package main

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/task"
)

// pageOfSettings lists the settings and the commands.
const pageOfSettings = "../../docs/settings.md"

var (
	variable     = regexp.MustCompile("`((?:TASKSYNC|DATABASE)_[A-Z0-9_]+)`")
	commandNamed = regexp.MustCompile("`([a-z][^`]*)`")
)

// firstCells returns the first cell of each line of the tables of a page.
func firstCells(t *testing.T, page string) (cells []string) {
	t.Helper()
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "| "); ok {
			cell, _, _ := strings.Cut(rest, " |")
			cells = append(cells, cell)
		}
	}
	return cells
}

// formsOf returns a command, once for each value of an argument that has few.
func formsOf(leaf *kong.Node) (forms []string) {
	name := strings.TrimPrefix(leaf.Path(), "tasksync ")
	for _, p := range leaf.Positional {
		for value := range p.EnumMap() {
			if value != "" {
				forms = append(forms, name+" "+value)
			}
		}
	}
	if forms == nil {
		return []string{name}
	}
	return forms
}

// Each variable of `tasksync run` is a line of the page, and the other way round; so is
// each command.
func TestPageOfSettingsIsComplete(t *testing.T) {
	t.Parallel()
	var settings, commands []string
	for _, leaf := range parsedModel(t).Leaves(true) {
		commands = append(commands, formsOf(leaf)...)
		for _, f := range leaf.Flags {
			settings = append(settings, f.Envs...)
		}
	}
	var listed, told []string
	for _, cell := range firstCells(t, pageOfSettings) {
		found := variable.FindAllStringSubmatch(cell, -1)
		for _, m := range found {
			listed = append(listed, m[1])
		}
		if found == nil {
			for _, m := range commandNamed.FindAllStringSubmatch(cell, -1) {
				told = append(told, strings.TrimSuffix(m[1], " ID…"))
			}
		}
	}
	slices.Sort(settings)
	require.ElementsMatch(t, slices.Compact(settings), listed)
	require.ElementsMatch(t, commands, told)
}

// parsedModel returns the command line.
func parsedModel(t *testing.T) *kong.Application {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Name("tasksync"), tagVars(), kong.Writers(io.Discard, io.Discard))
	require.NoError(t, err)
	return parser.Model
}

// requireCommand asserts that a command as a page quotes it exists, with its flags.
func requireCommand(t *testing.T, model *kong.Application, quote, where string) {
	t.Helper()
	words := strings.Fields(quote)
	node := model.Node
	for _, word := range words {
		name, _, _ := strings.Cut(word, "|") // migrate up|down
		at := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == name })
		if at < 0 {
			break
		}
		node = node.Children[at]
	}
	require.True(t, node.Leaf() || len(words) == 1 && node != model.Node, "%s: tasksync %s is no command", where, quote)
	known := []string{"--help"}
	for ; node != nil; node = node.Parent {
		for _, f := range node.Flags {
			known = append(known, "--"+f.Name)
		}
	}
	for _, name := range flagNamed.FindAllString(quote, -1) {
		require.Contains(t, known, name, "%s: tasksync %s", where, quote)
	}
}

// TestPageOfRowsIsComplete: the page of rows names each column of the two tables, and each
// error code.
func TestPageOfRowsIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/rows.md")
	require.NoError(t, err)
	names := collect[struct{ Name string }](t, postgrestest.Pool(t), `SELECT column_name AS name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name IN ('music_generations', 'music_clips')`)
	require.NotEmpty(t, names)
	for _, c := range names {
		require.Contains(t, string(page), "`"+c.Name+"`")
	}
	for _, code := range []task.Code{
		task.ProducerTag, task.Copyrighted, task.InappropriateContent, task.ModerationFlagged, task.MalformedPrompt, task.InvalidRequest, task.APIError,
	} {
		require.Contains(t, string(page), "`"+string(code)+"`")
	}
}

// TestDefaultsInPageOfSettings: the page gives the default of each setting that has a fixed
// one.
func TestDefaultsInPageOfSettings(t *testing.T) {
	t.Parallel()
	lines := readPage(t, "docs/settings.md")
	for _, leaf := range parsedModel(t).Leaves(true) {
		for _, f := range leaf.Flags {
			if !f.HasDefault || len(f.Envs) == 0 {
				continue
			}
			at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "| `"+f.Envs[0]+"` |") })
			require.GreaterOrEqual(t, at, 0, f.Envs[0])
			require.Contains(t, strings.Split(lines[at], " | ")[1], "`"+f.Default+"`", f.Envs[0])
		}
	}
}
