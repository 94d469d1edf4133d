package arrows

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the imports into the table of CONTRIBUTING.md anew")

const (
	module = "tasksync/"
	root   = "../../"
	table  = root + "CONTRIBUTING.md"
	config = root + ".golangci.yaml"
)

// families are the adapters, which share a row and a rule.
const families = "upstream/<family>"

// room is what a package is called in the table; "" is for packages without a row:
// those for tests, and generators.
func room(pkg string) string {
	switch {
	case strings.HasSuffix(pkg, "test"), strings.Contains(pkg, "/internal/"), pkg == "internal/arrows":
		return ""
	case strings.HasPrefix(pkg, "upstream/"):
		return families
	}
	return pkg
}

// imports are the imports of ours of each room, as the code has them.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	sets := map[string]map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		require.NoError(t, dec.Decode(&p))
		from := room(strings.TrimPrefix(p.ImportPath, module))
		if from == "" {
			continue
		}
		if sets[from] == nil {
			sets[from] = map[string]bool{}
		}
		for _, i := range p.Imports {
			if to, ours := strings.CutPrefix(i, module); ours {
				sets[from][room(to)] = true
			}
		}
	}
	all := map[string][]string{}
	for from, set := range sets {
		all[from] = slices.Sorted(maps.Keys(set))
	}
	return all
}

// row matches a row of the table.
var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\| ?(.*?) ?\\|$")

func TestTheTableSaysWhatTheCodeImports(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(table)
	require.NoError(t, err)
	code := imports(t)
	if *update {
		text = row.ReplaceAllFunc(text, func(line []byte) []byte {
			m := row.FindSubmatch(line)
			if list, ok := code[string(m[1])]; ok {
				return fmt.Appendf(nil, "| `%s` | %s | %s |", m[1], m[2], strings.Join(list, ", "))
			}
			return line
		})
		require.NoError(t, os.WriteFile(table, text, 0o600))
	}
	rows := map[string][]string{}
	for _, m := range row.FindAllSubmatch(text, -1) {
		list := []string{}
		if len(m[3]) > 0 {
			list = strings.Split(string(m[3]), ", ")
		}
		rows[string(m[1])] = list
	}
	for from, list := range code {
		require.Contains(t, rows, from, "the table in CONTRIBUTING.md has no row for %s", from)
		require.ElementsMatch(t, list, rows[from], "%s: go test ./internal/arrows -update writes the table", from)
	}
	for from := range rows {
		_, there := code[from]
		_, err := os.Stat(root + from) // sql has no Go, and examples/embed is a module of its own
		require.True(t, there || err == nil, "the table has a row for %s, which there is not", from)
	}
}

// rules are the imports that depguard allows each room.
func rules(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	var c struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files, Allow []string
					}
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &c))
	all := map[string][]string{}
	for _, rule := range c.Linters.Settings.Depguard.Rules {
		folder, ours := strings.CutPrefix(rule.Files[0], "${config-path}/")
		if !ours || folder == "**" {
			continue
		}
		list := []string{}
		for _, allowed := range rule.Allow {
			if to, ours := strings.CutPrefix(allowed, module); ours {
				list = append(list, room(strings.TrimSuffix(to, "$")))
			}
		}
		slices.Sort(list)
		all[roomOf(folder)] = slices.Compact(list)
	}
	return all
}

// roomOf is the room of the files that a rule is for.
func roomOf(pattern string) string {
	switch pattern {
	case "upstream/*/**":
		return families
	case "cmd/**":
		return "cmd/tasksync"
	}
	return path.Clean(strings.TrimRight(strings.TrimSuffix(pattern, "*.go"), "*/"))
}

func TestTheRulesAllowWhatTheCodeImports(t *testing.T) {
	t.Parallel()
	allowed := rules(t)
	for from, list := range imports(t) {
		if len(list) == 0 && allowed[from] == nil {
			continue // rule elsewhere: it may import none of ours
		}
		require.ElementsMatch(t, list, allowed[from], "rule of %s in .golangci.yaml", from)
	}
}
