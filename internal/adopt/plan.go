package adopt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tasksync/task"
)

// A Plan says where in an application's table things stand. It is the content of
// tasksync.yaml.
type Plan struct {
	// Table is the application's table, as SQL spells it.
	Table string `yaml:"table"`
	// Columns are the table's columns, by the names of music_generations.
	Columns map[string]string `yaml:"columns"`
	// Type is the task type of all rows, where no column has it.
	Type string `yaml:"type,omitempty"`
	// TypeWords are the application's words for each task type of ours, where its column
	// has other words. Words that stand for none are read as they are.
	TypeWords map[string][]string `yaml:"type_words,omitempty"`
	// TimeZone is the zone of times without one.
	TimeZone string `yaml:"time_zone,omitempty"`
	// Words are the application's words for each status of ours. The first one is
	// written; all are read.
	Words map[string][]string `yaml:"words"`
	// Clips are the columns of the first clip, of the second, and so on, by the names of
	// music_clips.
	Clips []map[string]string `yaml:"clips,omitempty"`
	// ClipsJSON is a column for all clips.
	ClipsJSON *ClipsJSON `yaml:"clips_json,omitempty"`
	// ClipsTable is a table that has a row per clip.
	ClipsTable *ClipsTable `yaml:"clips_table,omitempty"`
}

// ClipsJSON is a column of type json or jsonb that holds an array of objects, one per
// clip.
type ClipsJSON struct {
	Column string `yaml:"column"`
	// Keys are the keys of an object, by the names of music_clips.
	Keys map[string]string `yaml:"keys"`
}

// ClipsTable is a table of the application's with a row per clip.
type ClipsTable struct {
	Table string `yaml:"table"`
	// Columns are its columns, by the names of music_clips.
	Columns map[string]string `yaml:"columns"`
	// Words are as in [Plan], for its column status.
	Words map[string][]string `yaml:"words,omitempty"`
}

// The columns of ours that a plan may name.
var (
	generationRoles = []string{
		"id", "task_id", "status", "user_id", "task_type", "provider", "error_code", "error_message", "created_at", "updated_at", "completed_at",
	}
	// clipRoles are what a clip on a row can have.
	clipRoles = []string{
		"clip_id", "title", "audio_url", "stream_audio_url", "video_url", "image_url", "lyrics", "tags", "model_name", "duration",
	}
	// clipTableRoles are what a row of a clip can have.
	clipTableRoles = append([]string{"id", "generation_id", "status", "created_at", "updated_at"}, clipRoles...)
	// keyRoles are what an object of a clip can have.
	keyRoles = append([]string{"status"}, clipRoles...)

	// statuses are in the order in which they follow each other.
	statuses = []task.Status{task.Submitted, task.Queued, task.Processing, task.Streaming, task.Complete, task.Failed}
)

// ReadPlan reads a plan from the text of a file. An unknown key is an error.
func ReadPlan(r io.Reader) (Plan, error) {
	var p Plan
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return Plan{}, err
	}
	if err := d.Decode(new(Plan)); !errors.Is(err, io.EOF) {
		return Plan{}, errors.New("the file has more than one document")
	}
	return p, p.checkNames()
}

// YAML returns the text of a file that ReadPlan reads. The same plan gives the same
// text.
func (p Plan) YAML() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(p), e.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// checkNames returns an error for names in the plan that are not ours.
func (p Plan) checkNames() error {
	errs := []error{known("columns", p.Columns, generationRoles), known("words", p.Words, words())}
	for i, clip := range p.Clips {
		errs = append(errs, known(fmt.Sprintf("clips[%d]", i), clip, clipRoles))
	}
	if p.ClipsJSON != nil {
		errs = append(errs, known("clips_json.keys", p.ClipsJSON.Keys, keyRoles))
	}
	if p.ClipsTable != nil {
		errs = append(errs, known("clips_table.columns", p.ClipsTable.Columns, clipTableRoles), known("clips_table.words", p.ClipsTable.Words, words()))
	}
	return errors.Join(errs...)
}

func words() []string {
	out := make([]string, len(statuses))
	for i, s := range statuses {
		out[i] = string(s)
	}
	return out
}

func known[V any](where string, given map[string]V, names []string) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%s: %q is not one of %s", where, name, strings.Join(names, ", "))
		}
	}
	return nil
}

// Statuses are the statuses that the application has words for, in their order.
func (p Plan) Statuses() []string {
	var out []string
	for _, s := range words() {
		if len(p.Words[s]) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// word returns the application's word for a status: its own, or that of the last
// status before it that has one, or of the first pending one after it. An end has its
// own word or none.
func word(words map[string][]string, s task.Status) string {
	if w := words[string(s)]; len(w) > 0 {
		return w[0]
	}
	if s.Terminal() {
		return ""
	}
	at := slices.Index(statuses, s)
	for _, near := range slices.Concat(backwards(statuses[:at]), statuses[at+1:]) {
		if w := words[string(near)]; near.Pending() && len(w) > 0 {
			return w[0]
		}
	}
	return ""
}

func backwards[T any](s []T) []T {
	out := slices.Clone(s)
	slices.Reverse(out)
	return out
}
