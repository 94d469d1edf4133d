package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tasksync/internal/clips"
	"tasksync/queries"
	"tasksync/task"
)

// seeKeys looks for unique indexes that results break: the two clips of a task have
// the same title as a rule, and their generation in common.
func (d *doctor) seeKeys(ctx context.Context) {
	keys, err := d.queries.DoctorKeyList(ctx, d.pool)
	if err == nil {
		_, err = d.loadTables(ctx)
	}
	var plan clips.Plan
	if err == nil {
		plan, err = clips.Read(ctx, d.pool)
	}
	if err != nil {
		d.trouble("keys", err)
		return
	}
	numbered := func(c string) bool { return slices.Contains(plan.Numbered, c) }
	for _, k := range keys {
		has := func(name string) bool { return slices.Contains(k.Columns, name) }
		what := fmt.Sprintf("key %s (%s) on %s", k.Name, strings.Join(k.Columns, ", "), k.TableName)
		switch {
		case k.TableName == "music_generations":
			if slices.ContainsFunc(k.Columns, func(c string) bool { return slices.Contains(writtenColumns, c) }) {
				d.say(Warning, what+" is about a column that tasksync writes", "a row whose end it refuses stays pending")
			}
		case has("id") || has("generation_id") && (has("clip_id") || slices.ContainsFunc(k.Columns, numbered)):
		case slices.Equal(k.Columns, []string{"clip_id"}):
			d.say(Warning, what+" lets only one row have the clips of a task", "insert a row for each task once")
		case !k.Excludes && !slices.ContainsFunc(k.Columns, func(c string) bool { return !slices.Contains(sharedByClips, c) }) && d.covers(ctx, k):
			d.find(Finding{Level: Bad, What: what + " refuses the second clip of a task", Next: "run as the owner", SQL: dropKey(k)})
		default:
			d.say(Warning, what+" may refuse clips", "a row whose clips it refuses stays pending until it is changed")
		}
	}
}

// covers reports whether an index is about the clips that tasksync inserts. One with a
// condition like is_favorite is not: it is about what users do with clips later.
func (d *doctor) covers(ctx context.Context, k queries.DoctorKeyListRow) bool {
	if k.Predicate == "" {
		return true
	}
	t := d.tables[k.TableName]
	holds, err := d.try(ctx, t, []madeUpRow{madeUp(t, d.cfg.word(task.Complete))}, []string{"coalesce(" + k.Predicate + ", false)"})
	return err == nil && holds[0][0]
}

// sharedByClips are the columns in which the clips of a task are the same, often.
var sharedByClips = strings.Fields("generation_id status title lyrics tags model_name")

func dropKey(k queries.DoctorKeyListRow) string {
	if k.IsConstraint {
		return fmt.Sprintf("ALTER TABLE public.%s DROP CONSTRAINT %s;", k.TableName, k.Name)
	}
	return fmt.Sprintf("DROP INDEX public.%s;", k.Name)
}

// seeRaisingTriggers names the application's triggers that may keep results out.
func (d *doctor) seeRaisingTriggers(ctx context.Context) {
	triggers, err := d.queries.DoctorTriggerList(ctx, d.pool)
	if err != nil {
		d.trouble("triggers", err)
		return
	}
	for _, t := range triggers {
		d.say(Warning, fmt.Sprintf("trigger %s on %s (function %s) may reject what tasksync writes", t.Name, t.TableName, t.Function),
			"a row whose results it rejects stays pending until it lets them pass")
	}
}
