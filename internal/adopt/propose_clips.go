package adopt

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// proposeClips decides where the results of a task go: into columns of the row, into one
// column for all, or into a table of their own.
func (p *proposal) proposeClips() {
	if p.cat.ClipsTable != nil {
		p.proposeClipsTable(p.cat.ClipsTable)
		return
	}
	asked := len(p.Questions)
	p.Plan.Clips = p.clipColumns()
	p.proposeJSON()
	if len(p.Plan.Clips) > 0 || p.Plan.ClipsJSON != nil || len(p.Questions) > asked {
		return
	}
	var others []string
	for _, r := range p.table.References {
		others = append(others, r.SchemaName+"."+r.Name)
	}
	more := ""
	if len(others) > 0 {
		more = fmt.Sprintf(", or --clips-table NAME, if they have a table of their own (%s refer to it)", strings.Join(slices.Compact(others), ", "))
	}
	p.ask(fmt.Sprintf("where do the results go? Say --column audio_url=NAME (and audio_url_2=NAME), --clips-json NAME for a column with all of them%s. It has %s",
		more, strings.Join(columnNames(p.table), ", ")))
}

// clipColumns finds the columns of the first clip, the second, and so on. The first may
// be without a number.
func (p *proposal) clipColumns() []map[string]string {
	var clips []map[string]string
	for n := 1; n <= maxClips; n++ {
		clip := map[string]string{}
		for _, role := range clipRoles {
			if name := p.clipColumn(role, n); name != "" {
				clip[role] = name
			}
		}
		if clip["audio_url"] == "" && n > 1 && len(clip) < 2 { // like title_2, which means something else
			clip = map[string]string{}
		}
		clips = append(clips, clip)
	}
	for len(clips) > 0 && len(clips[len(clips)-1]) == 0 {
		clips = clips[:len(clips)-1]
	}
	if !slices.ContainsFunc(clips, func(c map[string]string) bool { return c["audio_url"] != "" || c["lyrics"] != "" }) {
		return nil // a title alone is no result
	}
	for n, clip := range clips {
		for _, role := range clipRoles {
			if clip[role] != "" {
				p.say(numbered(role, n+1), clip[role], fmt.Sprintf("of the clip at place %d", n+1))
			}
		}
	}
	return clips
}

func numbered(role string, n int) string {
	if n == 1 {
		return role
	}
	return role + "_" + strconv.Itoa(n)
}

// clipColumn returns the column of the n-th clip; "" for none.
func (p *proposal) clipColumn(role string, n int) string {
	for _, flag := range slices.Compact([]string{numbered(role, n), role + "_" + strconv.Itoa(n)}) {
		if name, told := p.given.Columns[flag]; told {
			p.used[flag] = true
			if name != "" && p.table.column(name) == nil {
				p.ask(fmt.Sprintf("%s has no column %q for %s", p.table, name, flag))
				return ""
			}
			return name
		}
	}
	taken := func(c Column) bool {
		return slices.Contains(slices.Collect(maps.Values(p.Plan.Columns)), c.Name)
	}
	fits := func(c Column) bool { return fitsRole(role)(c) && !taken(c) }
	with := func(suffix string) []Column {
		var list []string
		for _, name := range names[role] {
			list = append(list, name+suffix)
		}
		return among(p.table, list, fits)
	}
	found := with(strconv.Itoa(n))
	if n == 1 {
		bare := with("")
		if role == "audio_url" && len(found) > 0 && len(bare) > 0 {
			p.ask(fmt.Sprintf("which column is the audio of the first clip: %s or %s? Say --column audio_url=%s", bare[0].Name, found[0].Name, found[0].Name))
			return ""
		}
		if len(found) == 0 {
			found = bare
		}
	}
	if len(found) == 0 {
		return ""
	}
	return found[0].Name
}

// proposeJSON takes a column for all clips where one is named, or where no other column
// takes them.
func (p *proposal) proposeJSON() {
	candidates := among(p.table, names["clips_json"], isJSON)
	switch {
	case p.given.ClipsJSON != "":
		c := p.table.column(p.given.ClipsJSON)
		if c == nil || !isJSON(*c) {
			p.ask(fmt.Sprintf("%s has no column %q of type json or jsonb", p.table, p.given.ClipsJSON))
			return
		}
		p.useJSON(*c, "you said so")
	case len(p.Plan.Clips) > 0:
		if len(candidates) > 0 {
			p.say("clips_json", "(none)", fmt.Sprintf("the clips have columns; --clips-json %s fills that too", candidates[0].Name))
		}
	case len(candidates) == 1:
		p.useJSON(candidates[0], "an array of objects, one for each clip")
	case len(candidates) > 1:
		p.ask(fmt.Sprintf("which column has all clips: %s or %s? Say --clips-json NAME", candidates[0].Name, candidates[1].Name))
	}
}

// useJSON takes the keys that the rows have, or else the names of ours, in the spelling
// of the rows' other keys.
func (p *proposal) useJSON(c Column, why string) {
	have := p.table.JSONKeys[c.Name]
	camel := slices.ContainsFunc(have, func(k string) bool { return strings.ToLower(k) != k })
	keys := map[string]string{}
	for _, role := range keyRoles {
		list := names[role]
		switch role {
		case "clip_id":
			list = names["keys.clip"]
		case "status":
			list = []string{"status"}
		}
		at := slices.IndexFunc(have, func(k string) bool { return isName(k, list) })
		switch {
		case at >= 0:
			keys[role] = have[at]
		case role == "clip_id":
			keys[role] = "id"
		case camel:
			keys[role] = camelCase(role)
		default:
			keys[role] = role
		}
	}
	p.Plan.ClipsJSON = &ClipsJSON{Column: c.Name, Keys: keys}
	p.say("clips_json", c.Name, why)
	for _, role := range keyRoles {
		p.say("  "+role, keys[role], "key of an object")
	}
}

func camelCase(name string) string {
	parts := strings.Split(name, "_")
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
	}
	return strings.Join(parts, "")
}

// proposeClipsTable finds the columns of a table that has a row for each clip.
func (p *proposal) proposeClipsTable(t *Table) {
	ct := &ClipsTable{Table: t.SQL(), Columns: map[string]string{}}
	p.Plan.ClipsTable = ct
	p.say("clips", t.String(), "a row for each clip")
	if len(t.Keys) == 0 {
		p.ask(fmt.Sprintf("%s has no primary key of one column; tasksync needs one", t))
	} else {
		ct.Columns["id"] = t.Keys[0]
	}
	ct.Columns["generation_id"] = p.reference(t)
	for _, role := range clipTableRoles[2:] {
		if c := p.clipsTableColumn(t, role); c != nil {
			ct.Columns[role] = c.Name
			p.say("clips."+role, c.Name, "its name says so")
		}
	}
	if c := t.column(ct.Columns["status"]); c != nil {
		ct.Words = p.proposeWords(t, *c, p.given.ClipWords, "clip-word")
	}
	for _, role := range clipRoles {
		delete(ct.Columns, "")
		if name, told := p.given.Columns[role]; told {
			p.used[role] = true
			switch {
			case name == "":
				delete(ct.Columns, role)
			case t.column(name) == nil:
				p.ask(fmt.Sprintf("%s has no column %q for %s", t, name, role))
			default:
				ct.Columns[role] = name
			}
		}
	}
}

// clipsTableColumn returns the column of a role in the table of the clips; nil: none.
func (p *proposal) clipsTableColumn(t *Table, role string) *Column {
	list, fits := names[role], fitsRole(role)
	switch role {
	case "status":
		list, fits = statusNames, isText
	case "clip_id":
		list = append(slices.Clone(list), "suno_id", "external_id", "provider_clip_id")
	}
	found := among(t, list, fits)
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

// reference returns the column that says which row a clip is of.
func (p *proposal) reference(t *Table) string {
	var found []string
	for _, r := range p.table.References {
		if r.SchemaName == t.Schema && r.Name == t.Name && r.RefersTo == p.Plan.Columns["id"] {
			found = append(found, r.ColumnName)
		}
	}
	if len(found) == 1 {
		p.say("clips.generation_id", found[0], "it refers to "+p.table.String())
		return found[0]
	}
	p.ask(fmt.Sprintf("%s needs one foreign key that refers to %s (%s); it has %d", t, p.table, p.Plan.Columns["id"], len(found)))
	return ""
}
