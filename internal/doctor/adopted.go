package doctor

import (
	"context"
	"strings"

	"tasksync/internal/database"
)

// seeAdoption tells that music_generations is a view over a table of the application's.
func (d *doctor) seeAdoption(ctx context.Context) {
	adopted, err := database.Adopted(ctx, d.pool)
	switch {
	case err != nil:
		d.trouble("adopted table", err)
	case adopted == nil:
	case adopted.Trouble != "":
		d.say(Bad, "adopted table", "%s", adopted.Trouble)
	case !adopted.Complete:
		d.say(Warning, "music_generations is a view over "+adopted.Table+" (adopt), whose triggers are gone, so that new rows wait for the sweep", "run `tasksync adopt` again")
	default:
		d.say(Good, "music_generations is a view over "+adopted.Table+" (adopt); statuses: "+strings.Join(adopted.Statuses, ", "), "")
	}
}
