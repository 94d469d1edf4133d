package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/clips"
	"tasksync/queries"
	"tasksync/task"
)

// writtenColumns are the columns of music_generations that tasksync changes.
var writtenColumns = strings.Fields("status error_code error_message updated_at completed_at")

// seeClipColumns looks for columns of music_clips that must have a value and that get
// none when a clip is inserted: each result would be rejected. A column that
// music_generations has too, of the same type, is filled from there.
func (d *doctor) seeClipColumns(ctx context.Context) {
	tables, err := d.loadTables(ctx)
	if err != nil {
		d.trouble("columns", err)
		return
	}
	plan, err := clips.Read(ctx, d.pool)
	if err != nil {
		d.trouble("columns", err)
		return
	}
	if plan.Made {
		return // a view, whose trigger makes clips
	}
	var names, mends, nullable []string
	for _, c := range tables["music_clips"].columns {
		g, _ := tables["music_generations"].column(c.ColumnName)
		switch {
		case slices.Contains(plan.Missing, c.ColumnName):
			names = append(names, "music_clips."+c.ColumnName)
			mends = append(mends, dropNotNull(c))
		case slices.Contains(plan.Filled, c.ColumnName) && (c.NotNull || c.DomainNotNull) && !c.HasDefault && !g.NotNull && !g.DomainNotNull:
			nullable = append(nullable, c.ColumnName)
		}
	}
	if len(names) > 0 && !d.cfg.UpdateClips {
		d.find(Finding{
			Level: Bad, What: "columns: " + strings.Join(names, ", ") + " must have a value, and tasksync knows none, so each new clip would be rejected",
			Next: "set TASKSYNC_CLIPS=update if the application inserts all clips, give the column a default, or run", SQL: strings.Join(mends, "\n"),
		})
	}
	if len(nullable) > 0 && !d.cfg.UpdateClips {
		d.say(Warning, "columns: "+strings.Join(nullable, ", ")+" of music_clips must have a value, but may be null in music_generations, from where it is taken",
			"the clips of such a row are rejected until it has a value")
	}
}

func dropNotNull(c queries.DoctorColumnListRow) string {
	column := fmt.Sprintf("ALTER TABLE public.%s ALTER COLUMN %s", c.TableName, pgx.Identifier{c.ColumnName}.Sanitize())
	if c.DomainNotNull { // the domain belongs to other columns too
		return column + " TYPE " + c.BaseShown + ", ALTER COLUMN " + pgx.Identifier{c.ColumnName}.Sanitize() + " DROP NOT NULL;"
	}
	return column + " DROP NOT NULL;"
}

// seeWrittenColumns looks for columns that do not take what tasksync writes, whatever
// it is: generated ones, and those for an error that must have a value.
func (d *doctor) seeWrittenColumns(ctx context.Context) {
	tables, err := d.loadTables(ctx)
	if err != nil {
		d.trouble("columns", err)
		return
	}
	var why, mends []string
	for _, name := range ownNames {
		for _, c := range tables[name].columns {
			if !slices.Contains(written(name), c.ColumnName) {
				continue
			}
			full := name + "." + c.ColumnName
			switch {
			case c.Generated:
				why = append(why, full+" is generated")
				mends = append(mends, fmt.Sprintf("ALTER TABLE public.%s ALTER COLUMN %s DROP EXPRESSION;", name, c.ColumnName))
			case strings.HasPrefix(c.ColumnName, "error_") && (c.NotNull || c.DomainNotNull):
				why = append(why, full+" is NOT NULL, but a row that completes has no error")
				mends = append(mends, dropNotNull(c))
			}
		}
	}
	if len(why) > 0 {
		d.find(Finding{Level: Bad, What: "columns: " + strings.Join(why, ", ") + ", so results would be rejected", Next: "run as the owner", SQL: strings.Join(mends, "\n")})
	}
}

func written(table string) []string {
	if table == "music_clips" {
		return strings.Fields(clipValues + " updated_at")
	}
	return writtenColumns
}

// room is how many characters a column must take. Of those in must, a shorter column
// rejects each result or each failure; of the others, some. A long error_message is cut.
var room = map[string]struct{ must, may int }{
	"music_generations.error_code": {len("INAPPROPRIATE_CONTENT"), 0},
	"music_clips.clip_id":          {36, 64}, // of a UUID
	"music_clips.title":            {0, 200},
	"music_clips.audio_url":        {64, 255},
	"music_clips.stream_audio_url": {64, 255},
	"music_clips.video_url":        {64, 255},
	"music_clips.image_url":        {64, 255},
	"music_clips.lyrics":           {0, 5000},
	"music_clips.tags":             {0, 1000},
	"music_clips.model_name":       {0, 50},
}

// roomFor is the room that a column must have; of a status, for the application's
// words.
func (d *doctor) roomFor(table, column string) (need struct{ must, may int }, ok bool) {
	if column != "status" {
		need, ok = room[table+"."+column]
		return need, ok
	}
	for _, s := range task.Statuses() {
		n := utf8.RuneCountInString(d.cfg.word(s))
		if s.Terminal() {
			need.must = max(need.must, n)
		}
		need.may = max(need.may, n)
	}
	return need, true
}

// seeLengths looks for columns that are too short for what tasksync writes. Postgres
// rejects a text that is too long; its row then waits until the column is longer.
func (d *doctor) seeLengths(ctx context.Context) {
	tables, err := d.loadTables(ctx)
	if err != nil {
		d.trouble("columns", err)
		return
	}
	var short [2][]string
	var mends [2][]string
	for _, name := range ownNames {
		for _, c := range tables[name].columns {
			need, ok := d.roomFor(name, c.ColumnName)
			if !ok || c.Length == 0 || int(c.Length) >= max(need.must, need.may) {
				continue
			}
			i := 1
			if int(c.Length) < need.must {
				i = 0
			}
			short[i] = append(short[i], fmt.Sprintf("%s.%s (%s)", name, c.ColumnName, c.Shown))
			mends[i] = append(mends[i], fmt.Sprintf("ALTER TABLE public.%s ALTER COLUMN %s TYPE text;", name, c.ColumnName))
		}
	}
	if len(short[0]) > 0 {
		d.find(Finding{Level: Bad, What: "columns: too short for what tasksync writes: " + strings.Join(short[0], ", "), Next: "run as the owner", SQL: strings.Join(mends[0], "\n")})
	}
	if len(short[1]) > 0 {
		d.find(Finding{
			Level: Warning, What: "columns: a longer text of the provider's would be rejected, and its row wait: " + strings.Join(short[1], ", "),
			Next: "run as the owner", SQL: strings.Join(mends[1], "\n"),
		})
	}
}
