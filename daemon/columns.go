package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

// ErrColumns is wrapped by the errors of CheckColumns, Run and Sync for tables
// with columns of types that tasksync cannot work with.
var ErrColumns = errors.New("the application's tables have columns of types that tasksync cannot work with")

// CheckColumns refuses a database whose music_generations or music_clips have
// columns of types that tasksync cannot work with. It works before there are
// migrations: some would fail half-way on such a table.
func CheckColumns(ctx context.Context, pool *pgxpool.Pool) error {
	return checkColumns(ctx, pool, false)
}

// checkColumns looks at user_id only if users are served: nothing else compares it.
func checkColumns(ctx context.Context, pool *pgxpool.Pool, users bool) error {
	wrong, err := misfits(ctx, pool)
	if err != nil {
		return err
	}
	var said []string
	for _, m := range wrong {
		if users || !m.usersOnly() {
			said = append(said, m.String())
		}
	}
	if len(said) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrColumns, strings.Join(said, "; "))
}

// A misfit is a column whose type will not do.
type misfit struct {
	table, column string
	shown         string // its type, as Postgres shows it
	kind          columnKind
}

// usersOnly reports that only the HTTP API for users has no use for the column.
func (m misfit) usersOnly() bool { return m.table == "music_generations" && m.column == "user_id" }

func (m misfit) String() string {
	return fmt.Sprintf("%s.%s is %s, but must be %s (ALTER TABLE public.%s ALTER COLUMN %s TYPE %s)",
		m.table, m.column, m.shown, m.kind.must, m.table, m.column, m.kind.alter)
}

// misfits lists them, in the order of the tables. Tables and columns that are not
// there yet are none.
func misfits(ctx context.Context, pool *pgxpool.Pool) ([]misfit, error) {
	columns, err := queries.New().DoctorColumnList(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("read the types of columns: %w", err)
	}
	var wrong []misfit
	for _, c := range columns {
		kind, ours := kindOf(c.TableName, c.ColumnName)
		if ours && !slices.Contains(kind.bases, c.Base) {
			wrong = append(wrong, misfit{table: c.TableName, column: c.ColumnName, shown: c.Shown, kind: kind})
		}
	}
	return wrong, nil
}

// columnKind is what a column may be. Domains over these types are as good.
type columnKind struct {
	bases []string // names in pg_type
	must  string
	alter string // the first choice
}

// kindOf tells what a column must be, if it is one of those that tasksync uses.
// Text of any name is compared and cut as text. An enumeration is not text: it
// takes none that is computed, and may lack a word that it is compared with.
func kindOf(table, column string) (columnKind, bool) {
	text := columnKind{[]string{"text", "varchar", "bpchar", "citext"}, "text (or varchar, char, citext)", "text"}
	id := columnKind{[]string{"uuid"}, "uuid", "uuid"}
	user := columnKind{slices.Concat(id.bases, text.bases), "uuid (or text, varchar, char, citext)", "uuid"}
	moment := columnKind{[]string{"timestamptz", "timestamp"}, "timestamptz (or timestamp)", "timestamptz"}
	day := columnKind{slices.Concat(moment.bases, []string{"date"}), "timestamptz (or timestamp, date)", "timestamptz"}
	number := columnKind{[]string{"float8", "float4", "numeric", "int8", "int4", "int2"}, "double precision (or another number)", "double precision"}
	kind, ours := map[string]columnKind{
		"music_generations.id": id, "music_generations.user_id": user,
		"music_generations.task_id": text, "music_generations.task_type": text, "music_generations.provider": text, "music_generations.status": text,
		"music_generations.error_code": text, "music_generations.error_message": text,
		"music_generations.created_at": moment, // a deadline counts from it
		"music_generations.updated_at": day, "music_generations.completed_at": day,

		"music_clips.id": id, "music_clips.generation_id": id, "music_clips.clip_id": text, "music_clips.status": text,
		"music_clips.title": text, "music_clips.audio_url": text, "music_clips.stream_audio_url": text, "music_clips.video_url": text,
		"music_clips.image_url": text, "music_clips.lyrics": text, "music_clips.tags": text, "music_clips.model_name": text,
		"music_clips.duration": number, "music_clips.created_at": day, "music_clips.updated_at": day,
	}[table+"."+column]
	return kind, ours
}
