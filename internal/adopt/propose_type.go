package adopt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// typeWords are the words for task types that applications have. Case, spaces, dashes
// and underscores do not count.
var typeWords = map[string][]string{
	"generate": {"song", "music", "track", "audio", "generation", "generate_music", "music_generation", "text_to_music", "create"},
	"extend":   {"extension", "continue", "continuation", "extend_music"},
	"lyrics":   {"lyric", "generate_lyrics", "lyrics_generation"},
	"replace":  {"replace_section", "inpaint"},
	"merge":    {"concat", "concatenate"},
}

// proposeType takes a column whose words are task types, or stand for such. Where only
// some of them are, it asks: a row of the wrong type would end wrongly.
func (p *proposal) proposeType() {
	p.checkGivenTypes()
	c, told := p.told(p.table, "task_type")
	if c == nil && !told && p.given.Type == "" {
		c = p.typeColumn()
	}
	if c != nil {
		p.takeTypes(*c)
		return
	}
	if len(p.given.TypeWords) > 0 {
		p.ask(fmt.Sprintf("--type-word: which column of %s has the task types? Say --column task_type=NAME (it has %s)", p.table, strings.Join(columnNames(p.table), ", ")))
	}
	p.Plan.Type = "generate"
	if p.given.Type != "" {
		p.Plan.Type = p.given.Type
		p.say("task_type", p.Plan.Type+" (all rows)", "you said so")
		return
	}
	p.say("task_type", "generate (all rows)", "no column has task types; --type says another, --column task_type=NAME which")
}

func (p *proposal) checkGivenTypes() {
	for _, t := range slices.Sorted(maps.Keys(p.given.TypeWords)) {
		if !slices.Contains(p.given.Types, t) {
			p.ask(fmt.Sprintf("--type-word %s: tasksync has no such task type; there are %s", t, strings.Join(p.given.Types, ", ")))
		}
	}
}

// typeColumn returns the first column by name with a word that stands for a task type.
func (p *proposal) typeColumn() *Column {
	for _, c := range among(p.table, typeNames, isText) {
		choices, _, _ := p.table.choices(c)
		types, others := p.sortTypes(choices)
		if len(types) == 0 && len(p.given.TypeWords) == 0 {
			continue
		}
		if len(others) > 0 && len(p.given.TypeWords) == 0 {
			p.ask(fmt.Sprintf("which task type (%s) is %s, in %s.%s? Say --type-word generate=WORD,OTHER, or --type generate if all rows are that; rows with another word are then left alone",
				strings.Join(p.given.Types, ", "), strings.Join(others, " or "), p.table.Name, c.Name))
		}
		return &c
	}
	return nil
}

// takeTypes takes a column for the task types.
func (p *proposal) takeTypes(c Column) {
	choices, from, _ := p.table.choices(c)
	types, others := p.sortTypes(choices)
	p.Plan.Columns["task_type"] = c.Name
	if len(types) > 0 {
		p.say("task_type", c.Name, "its words stand for task types")
	}
	for _, t := range slices.Sorted(maps.Keys(types)) {
		p.say(c.Name+" "+t, strings.Join(types[t], ", "), from)
		if own := slices.DeleteFunc(slices.Clone(types[t]), func(w string) bool { return w == t }); len(own) > 0 {
			if p.Plan.TypeWords == nil {
				p.Plan.TypeWords = map[string][]string{}
			}
			p.Plan.TypeWords[t] = own
		}
	}
	if len(others) > 0 {
		p.say(c.Name+" others", strings.Join(others, ", "), "no task type; rows with it are left alone, unless you say --type-word generate=WORD")
	}
}

// sortTypes sorts words by the task types that they stand for, and returns the others
// apart. What the user says goes before what the words say, also for words that no row
// has yet.
func (p *proposal) sortTypes(choices []string) (types map[string][]string, others []string) {
	types = map[string][]string{}
	said := map[string]bool{}
	for t, list := range p.given.TypeWords {
		types[t] = slices.Clone(list)
		for _, w := range list {
			said[w] = true
		}
	}
	for _, w := range choices {
		switch t := p.typeOf(w); {
		case said[w]:
		case t == "":
			others = append(others, w)
		default:
			types[t] = append(types[t], w)
		}
	}
	return types, others
}

// typeOf returns the task type that a word stands for; "": none.
func (p *proposal) typeOf(word string) string {
	for _, t := range p.given.Types {
		if plain(t) == plain(word) || isName(word, typeWords[t]) {
			return t
		}
	}
	return ""
}
