package adopt

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/queries"

	"tasksync/task"
)

const file = `table: '"public"."songs"'
columns:
  created_at: created_at
  id: id
  status: status
  task_id: task_id
type: generate
words:
  complete:
    - completed
  failed:
    - failed
    - error
  submitted:
    - pending
clips:
  - audio_url: audio_url
`

func TestPlanFile(t *testing.T) {
	t.Parallel()
	p, err := ReadPlan(strings.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, []string{"submitted", "complete", "failed"}, p.Statuses())
	text, err := p.YAML()
	require.NoError(t, err)
	require.Equal(t, file, string(text))
	for wrong, says := range map[string]string{
		"":                                     "the file is empty",
		"tabel: songs":                         "field tabel not found",
		file + "---\ntable: x\n":               "more than one document",
		"columns: {taskid: x}":                 `columns: "taskid" is not one of id, task_id`,
		"words: {done: [x]}":                   `words: "done" is not one of submitted`,
		"clips: [{audio: x}]":                  `clips[0]: "audio" is not one of clip_id`,
		"clips_json: {keys: {x: y}}":           `clips_json.keys: "x" is not one of status`,
		"clips_table: {columns: {x: y}}":       `clips_table.columns: "x" is not one of id`,
		"clips_json: {column: x, colour: red}": "field colour not found",
	} {
		_, err := ReadPlan(strings.NewReader(wrong))
		require.ErrorContains(t, err, says, wrong)
	}
}

// A status without a word is written as the last one before it that has one.
func TestWordOfStatus(t *testing.T) {
	t.Parallel()
	few := map[string][]string{"submitted": {"pending", "new"}, "complete": {"done"}, "failed": {"error"}}
	for s, want := range map[task.Status]string{
		task.Submitted: "pending", task.Queued: "pending", task.Processing: "pending", task.Streaming: "pending", task.Complete: "done", task.Failed: "error",
	} {
		require.Equal(t, want, word(few, s), s)
	}
	late := map[string][]string{"processing": {"working"}}
	require.Equal(t, "working", word(late, task.Submitted), "the first one after it, where none is before")
	require.Equal(t, "working", word(late, task.Streaming))
	require.Empty(t, word(late, task.Complete), "an end has its own word or none")
}

func column(name, base string) Column {
	return Column{Name: name, Base: base, Shown: base, TypeSql: base}
}

func songs(more ...Column) *Catalog {
	return &Catalog{TimeZone: "UTC", Table: &Table{
		Schema: "public", Name: "songs", Kind: "r", Owned: true, Keys: []string{"id"},
		Words:   map[string][]string{"status": {"completed", "failed", "pending"}},
		Columns: append([]Column{column("id", "uuid"), column("status", "text"), column("created_at", "timestamptz")}, more...),
	}}
}

// What is not clear is asked for, with the flag that answers it.
func TestQuestions(t *testing.T) {
	t.Parallel()
	audio, taskID := column("audio_url", "text"), column("task_id", "text")
	for name, c := range map[string]struct {
		cat   *Catalog
		given Given
		asks  []string
	}{
		"clear":                 {songs(taskID, audio), Given{}, nil},
		"two tasks":             {songs(taskID, column("suno_task_id", "text"), audio), Given{}, []string{"task_id or suno_task_id? Say --column task_id=task_id"}},
		"two tasks, answered":   {songs(taskID, column("suno_task_id", "text"), audio), Given{Columns: map[string]string{"task_id": "suno_task_id"}}, nil},
		"a loose name":          {songs(column("external_id", "text"), audio), Given{}, nil},
		"two loose names":       {songs(column("external_id", "text"), column("job_id", "text"), audio), Given{}, []string{"external_id or job_id"}},
		"no task":               {songs(audio), Given{}, []string{"ADD COLUMN task_id text"}},
		"a column that is none": {songs(taskID, audio), Given{Columns: map[string]string{"title": "nope"}}, []string{`no column "nope" for title`}},
		"a name that is none":   {songs(taskID, audio), Given{Columns: map[string]string{"taskid": "task_id"}}, []string{"--column taskid: tasksync has no such column"}},
		"no results":            {songs(taskID), Given{}, []string{"where do the results go?"}},
		"two first results":     {songs(taskID, audio, column("audio_url_1", "text")), Given{}, []string{"audio_url or audio_url_1? Say --column audio_url=audio_url_1"}},
		"two arrays":            {songs(taskID, column("clips", "jsonb"), column("results", "jsonb")), Given{}, []string{"clips or results? Say --clips-json NAME"}},
		"a time without a zone": {&Catalog{TimeZone: "Asia/Shanghai", Table: songs(taskID, audio, column("updated_at", "timestamp")).Table}, Given{}, []string{"Say --time-zone UTC (Prisma, Rails, Django), or --time-zone Asia/Shanghai"}},
	} {
		p := Propose(c.cat, c.given)
		require.Len(t, p.Questions, len(c.asks), "%s: %v", name, p.Questions)
		for i, want := range c.asks {
			require.Contains(t, p.Questions[i], want, name)
		}
		if len(c.asks) == 0 {
			require.NoError(t, p.Plan.Check(c.cat), name)
		}
	}
}

// Words of an end are asked for, unless there is exactly one.
func TestQuestionsAboutWords(t *testing.T) {
	t.Parallel()
	for words, asks := range map[string][]string{
		"pending completed failed":         nil,
		"pending":                          {"which word in songs.status means complete?", "which word in songs.status means failed?"},
		"pending done completed failed":    {"which word in songs.status is to be written for complete: completed, done?"},
		"completed failed":                 {"means that a task is under way?"},
		"Pending COMPLETED Error archived": nil,
	} {
		cat := songs(column("task_id", "text"), column("audio_url", "text"))
		cat.Table.Words["status"] = strings.Fields(words)
		p := Propose(cat, Given{})
		require.Len(t, p.Questions, len(asks), "%s: %v", words, p.Questions)
		for i, want := range asks {
			require.Contains(t, p.Questions[i], want)
		}
	}
	cat := songs(column("task_id", "text"), column("audio_url", "text"))
	cat.Table.Words["status"] = []string{"pending", "done", "completed", "failed"}
	p := Propose(cat, Given{Words: map[string][]string{"complete": {"done", "completed"}}})
	require.Empty(t, p.Questions)
	require.Equal(t, []string{"done", "completed"}, p.Plan.Words["complete"])
}

// A file that does not fit the database names everything that is wrong.
func TestCheck(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(*Plan, *Table)
		says   string
	}{
		"fits":        {func(*Plan, *Table) {}, ""},
		"partitioned": {func(_ *Plan, t *Table) { t.Kind = "p" }, ""},
		"partly foreign": {func(_ *Plan, t *Table) {
			t.Kind, t.Partitions = "p", []queries.AdoptPartitionListRow{{SchemaName: "far", Name: "songs_1", Kind: "f"}}
		}, "public.songs has partition far.songs_1, which is a foreign table"},
		"view":           {func(_ *Plan, t *Table) { t.Kind = "v" }, "is a view; name the table below it"},
		"not the owner":  {func(_ *Plan, t *Table) { t.Owned = false }, "connect as the owner"},
		"gone":           {func(p *Plan, _ *Table) { p.Columns["task_id"] = "gone" }, `columns.task_id: public.songs has no column "gone"`},
		"missing":        {func(p *Plan, _ *Table) { delete(p.Columns, "created_at") }, "columns: created_at is missing"},
		"of a type":      {func(p *Plan, _ *Table) { p.Columns["created_at"] = "audio_url" }, "columns.created_at: public.songs.audio_url is text, but must be a time"},
		"no key":         {func(p *Plan, _ *Table) { p.Columns["id"] = "task_id" }, "columns.id: task_id is not the primary key"},
		"a word twice":   {func(p *Plan, _ *Table) { p.Words["failed"] = []string{"completed"} }, `"completed" stands for complete and for failed`},
		"no end":         {func(p *Plan, _ *Table) { delete(p.Words, "failed") }, "words: failed has no word"},
		"no beginning":   {func(p *Plan, _ *Table) { delete(p.Words, "submitted") }, "no word says that a task is under way"},
		"no results":     {func(p *Plan, _ *Table) { p.Clips = nil }, "say where the results go"},
		"no type":        {func(p *Plan, _ *Table) { p.Type = "" }, "type: name either"},
		"generated":      {func(_ *Plan, t *Table) { t.Columns[1].Generated = true }, "is a generated column"},
		"a column twice": {func(p *Plan, _ *Table) { p.Clips[0]["title"] = "audio_url" }, "column audio_url is"},
	} {
		cat := songs(column("task_id", "text"), column("audio_url", "text"))
		p, err := ReadPlan(strings.NewReader(file))
		require.NoError(t, err)
		c.change(&p, cat.Table)
		err = p.Check(cat)
		if c.says == "" {
			require.NoError(t, err, what)
			continue
		}
		require.ErrorContains(t, err, c.says, what)
	}
}

// The same plan and catalog give the same SQL.
func TestRenderIsStable(t *testing.T) {
	t.Parallel()
	cat := songs(column("task_id", "text"), column("audio_url", "text"))
	p, err := ReadPlan(strings.NewReader(file))
	require.NoError(t, err)
	first, err := Render(p, cat)
	require.NoError(t, err)
	for range 20 {
		again, err := Render(p, cat)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

var update = flag.Bool("update", false, "write the golden file anew")

// The SQL for a table of songs, which docs/adopt.md explains.
func TestGoldenSQL(t *testing.T) {
	t.Parallel()
	const golden = "testdata/songs.golden.sql"
	cat := songs(column("user_id", "uuid"), column("task_id", "text"), column("title", "text"), column("audio_url", "text"), column("error", "text"), column("updated_at", "timestamptz"))
	p := Propose(cat, Given{})
	require.Empty(t, p.Questions)
	require.NoError(t, p.Plan.Check(cat))
	m, err := Render(p.Plan, cat)
	require.NoError(t, err)
	got, err := m.Goose()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run go test ./internal/adopt -run TestGoldenSQL -update, and read the difference")
}
