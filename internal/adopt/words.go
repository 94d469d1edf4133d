package adopt

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var quoted = regexp.MustCompile(`'((?:[^']|'')*)'`)

// choices returns the words that a column can have, and where they are from: the labels
// of its enumeration, the texts in a check, or the words that rows have. closed is true
// if the column takes no other word.
func (t *Table) choices(c Column) (words []string, from string, closed bool) {
	if c.Base == "enum" {
		return c.Labels, "the labels of " + c.Shown, true
	}
	for _, check := range t.Checks {
		if check.ColumnName != c.Name {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(check.Definition, -1) {
			words = append(words, strings.ReplaceAll(m[1], "''", "'"))
		}
		if len(words) > 0 {
			return words, "check " + check.Name, true
		}
	}
	words = t.Words[c.Name]
	if w := defaultWord(c); w != "" && !slices.Contains(words, w) {
		words = append(slices.Clone(words), w)
	}
	return words, "the words in the rows and the default", false
}

// defaultWord is the word that a row has by default; "": none.
func defaultWord(c Column) string {
	if m := quoted.FindStringSubmatch(c.DefaultText); m != nil {
		return strings.ReplaceAll(m[1], "''", "'")
	}
	return ""
}

// sortWords sorts a column's words by what they mean, and returns those that mean
// nothing to tasksync apart. The word to write comes first.
func sortWords(choices []string, preferred string) (meaning map[string][]string, others []string) {
	meaning = map[string][]string{}
	for _, w := range choices {
		if s := meaningOf(w); s != "" {
			meaning[s] = append(meaning[s], w)
		} else {
			others = append(others, w)
		}
	}
	for s, list := range meaning {
		rank := func(w string) int {
			if w == preferred {
				return -1
			}
			return slices.IndexFunc(statusWords[s], func(k string) bool { return plain(k) == plain(w) })
		}
		slices.SortStableFunc(list, func(a, b string) int { return rank(a) - rank(b) })
	}
	return meaning, others
}

func meaningOf(word string) string {
	for _, s := range words() {
		if isName(word, statusWords[s]) {
			return s
		}
	}
	return ""
}

// proposeWords proposes the words of a status column. An end that has no word, or
// several, is asked for: nothing tells which one the application reads.
func (p *proposal) proposeWords(t *Table, c Column, given map[string][]string, flag string) map[string][]string {
	choices, from, _ := t.choices(c)
	found, others := sortWords(choices, defaultWord(c))
	for s, list := range given {
		if len(list) == 0 {
			delete(found, s)
		} else {
			found[s] = list
		}
		for other, has := range found { // a word means one thing
			if other != s {
				found[other] = slices.DeleteFunc(slices.Clone(has), func(w string) bool { return slices.Contains(list, w) })
			}
		}
	}
	for _, s := range words() {
		list := found[s]
		switch end := s == "complete" || s == "failed"; {
		case end && len(list) == 0:
			p.ask(fmt.Sprintf("which word in %s.%s means %s? Say --%s %s=WORD (%s: %s)", t.Name, c.Name, s, flag, s, from, list2(choices)))
		case end && len(list) > 1 && given[s] == nil:
			p.ask(fmt.Sprintf("which word in %s.%s is to be written for %s: %s? Say --%s %s=WORD,OTHER: the first is written, all are read", t.Name, c.Name, s, list2(list), flag, s))
		case len(list) > 0:
			p.say(c.Name+" "+s, strings.Join(list, ", "), from)
		default:
			delete(found, s)
		}
	}
	if word(found, statuses[0]) == "" {
		p.ask(fmt.Sprintf("which word in %s.%s means that a task is under way? Say --%s submitted=WORD (%s: %s)", t.Name, c.Name, flag, from, list2(choices)))
	}
	if len(others) > 0 {
		p.say(c.Name+" others", strings.Join(others, ", "), "no word of a task; rows with it are left alone, unless you say --"+flag+" processing=WORD")
	}
	return found
}

func list2(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
