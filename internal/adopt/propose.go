package adopt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Given is what the user has decided: it goes before what the catalog suggests.
type Given struct {
	Table string
	// Columns are the application's columns by ours; a clip's may have a number, like
	// audio_url_2. An empty column means that there is none.
	Columns    map[string]string
	Words      map[string][]string
	ClipWords  map[string][]string // of the clips' table
	Type       string
	TypeWords  map[string][]string
	TimeZone   string
	ClipsTable string
	ClipsJSON  string
	// Types are the task types that the daemon knows.
	Types []string
}

// A Decision is one thing that a proposal decides, with its reason.
type Decision struct{ What, Is, Why string }

// A Proposal is a plan with its reasons. While there are questions, the plan is not
// complete.
type Proposal struct {
	Plan      Plan
	Decisions []Decision
	Questions []string
}

// proposal makes a Proposal.
type proposal struct {
	Proposal
	given Given
	table *Table
	cat   *Catalog
	used  map[string]bool // columns of given that were used
}

// Propose finds out, by the catalog, where in a table things stand.
func Propose(cat *Catalog, given Given) Proposal {
	p := &proposal{given: given, table: cat.Table, cat: cat, used: map[string]bool{}}
	p.Plan = Plan{Table: cat.Table.SQL(), Columns: map[string]string{}, Words: map[string][]string{}}
	p.proposeKey()
	p.proposeRequired("task_id", taskNames, looseTaskNames, func(c Column) bool { return isText(c) || c.Base == "uuid" })
	if c := p.proposeRequired("status", statusNames, nil, isText); c != nil {
		p.Plan.Words = p.proposeWords(p.table, *c, given.Words, "word")
	}
	p.proposeRequired("created_at", names["created_at"], nil, isTime)
	p.proposeType()
	for _, role := range []string{"user_id", "error_message", "error_code", "updated_at", "completed_at", "provider"} {
		p.proposeOptional(role)
	}
	p.proposeZone()
	p.proposeClips()
	for _, name := range slices.Sorted(maps.Keys(given.Columns)) {
		if !p.used[name] {
			p.ask(fmt.Sprintf("--column %s: tasksync has no such column; there are %s, and for clips %s, with a number for further clips, like audio_url_2",
				name, strings.Join(generationRoles, ", "), strings.Join(clipRoles, ", ")))
		}
	}
	return p.Proposal
}

func (p *proposal) say(what, is, why string) {
	p.Decisions = append(p.Decisions, Decision{what, is, why})
}

func (p *proposal) ask(question string) { p.Questions = append(p.Questions, question) }

// told returns the column that the user has named for a role.
func (p *proposal) told(t *Table, role string) (c *Column, told bool) {
	name, told := p.given.Columns[role]
	if !told {
		return nil, false
	}
	p.used[role] = true
	if name == "" {
		p.say(role, "(none)", "you said so")
		return nil, true
	}
	if c = t.column(name); c == nil {
		p.ask(fmt.Sprintf("%s has no column %q for %s; it has %s", t, name, role, strings.Join(columnNames(t), ", ")))
		return nil, true
	}
	p.say(role, c.Name, "you said so")
	return c, true
}

func columnNames(t *Table) []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

// among returns the columns of a table that have one of the names, the likeliest first,
// and a type that fits.
func among(t *Table, candidates []string, fits func(Column) bool) []Column {
	var out []Column
	for _, n := range candidates {
		for _, c := range t.Columns {
			if plain(c.Name) == plain(n) && fits(c) && !c.Generated {
				out = append(out, c)
			}
		}
	}
	return out
}

func (p *proposal) proposeKey() {
	if c, told := p.told(p.table, "id"); told {
		if c != nil {
			p.Plan.Columns["id"] = c.Name
		}
		return
	}
	if len(p.table.Keys) == 0 {
		p.ask(fmt.Sprintf("%s has no primary key of one column; tasksync needs one, or a unique index on a column NOT NULL", p.table))
		return
	}
	p.Plan.Columns["id"] = p.table.Keys[0]
	p.say("id", p.table.Keys[0], "the key of the table, of type "+p.table.column(p.table.Keys[0]).Shown)
}

// proposeRequired proposes a column that must be there, and asks where that is not
// clear.
func (p *proposal) proposeRequired(role string, first, second []string, fits func(Column) bool) *Column {
	c, told := p.told(p.table, role)
	if !told {
		c = p.chooseRequired(role, first, second, fits)
	}
	if c != nil {
		p.Plan.Columns[role] = c.Name
	}
	return c
}

func (p *proposal) chooseRequired(role string, first, second []string, fits func(Column) bool) *Column {
	found, why := among(p.table, first, fits), "its name says so"
	if len(found) == 0 {
		notKey := func(c Column) bool { return fits(c) && c.Name != p.Plan.Columns["id"] }
		found, why = among(p.table, second, notKey), "the only column that can be it"
	}
	switch len(found) {
	case 0:
		p.ask(fmt.Sprintf("which column of %s is %s? Say --column %s=NAME (it has %s)%s", p.table, role, role, strings.Join(columnNames(p.table), ", "), p.adviceFor(role)))
		return nil
	case 1:
		p.say(role, found[0].Name, why)
		return &found[0]
	}
	var both []string
	for _, c := range found {
		both = append(both, c.Name)
	}
	p.ask(fmt.Sprintf("which column of %s is %s: %s? Say --column %s=%s", p.table, role, strings.Join(both, " or "), role, both[0]))
	return nil
}

// adviceFor says what to do where the table lacks a column that it must have.
func (p *proposal) adviceFor(role string) string {
	switch role {
	case "created_at":
		return fmt.Sprintf("; without one, deadlines count from nowhere: ALTER TABLE %s ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()", p.table.SQL())
	case "task_id":
		return fmt.Sprintf("; without one: ALTER TABLE %s ADD COLUMN task_id text", p.table.SQL())
	}
	return ""
}

// fitsRole says which types a column that is not asked for may have.
func fitsRole(role string) func(Column) bool {
	switch role {
	case "created_at", "updated_at", "completed_at":
		return isTime
	case "duration":
		return isNumber
	case "user_id":
		return func(Column) bool { return true }
	default:
		return isFree
	}
}

func (p *proposal) proposeOptional(role string) {
	if role == "provider" {
		p.proposeProvider()
		return
	}
	c, told := p.told(p.table, role)
	if found := among(p.table, names[role], fitsRole(role)); !told && len(found) > 0 {
		c = &found[0]
		p.say(role, c.Name, "its name says so"+alsoThere(found[1:]))
	}
	switch {
	case c != nil:
		p.Plan.Columns[role] = c.Name
	case !told && role != "user_id":
		p.say(role, "(none)", "no column has such a name; it is kept in tasksync.adopted_state")
	case !told:
		p.say(role, "(none)", "no column has such a name; the HTTP API for users has no rows")
	}
}

func alsoThere(others []Column) string {
	if len(others) == 0 {
		return ""
	}
	return "; " + others[0].Name + " could be it too"
}

// proposeProvider leaves a column of that name alone unless it is told: its words are
// the application's own.
func (p *proposal) proposeProvider() {
	c, told := p.told(p.table, "provider")
	switch {
	case c != nil:
		p.Plan.Columns["provider"] = c.Name
	case !told && len(among(p.table, names["provider"], isText)) > 0:
		p.say("provider", "(none)", "the default provider has all rows; --column provider=provider if the column has tasksync's names of providers")
	}
}

// proposeZone asks for the zone of times without one, unless the server's is UTC.
func (p *proposal) proposeZone() {
	var without []string
	for _, role := range []string{"created_at", "updated_at", "completed_at"} {
		if c := p.table.column(p.Plan.Columns[role]); c != nil && c.Base != "timestamptz" {
			without = append(without, c.Name)
		}
	}
	if p.cat.ClipsTable != nil {
		for _, c := range p.cat.ClipsTable.Columns {
			if isTime(c) && c.Base != "timestamptz" {
				without = append(without, p.cat.ClipsTable.Name+"."+c.Name)
			}
		}
	}
	switch {
	case len(without) == 0:
	case p.given.TimeZone != "":
		p.Plan.TimeZone = p.given.TimeZone
		p.say("time zone", p.given.TimeZone, "you said so")
	case slices.Contains([]string{"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Universal", "Zulu"}, p.cat.TimeZone):
		p.Plan.TimeZone = "UTC"
		p.say("time zone", "UTC", "the server's, for times without a zone: "+strings.Join(without, ", "))
	default:
		p.ask(fmt.Sprintf("%s has times without a zone (%s): in which zone does the application write them? Say --time-zone UTC (Prisma, Rails, Django), or --time-zone %s (the server's, if the database fills them in)",
			p.table, strings.Join(without, ", "), p.cat.TimeZone))
	}
}
