package daemon_test

import (
	"context"
	"log/slog"
	"os"
	"os/signal"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/daemon"
	"tasksync/upstream/acedata"
	"tasksync/upstream/sunoapi"
)

// A daemon with two providers. The first one has the rows that name none in column
// provider. The program in examples/embed has a provider and a task type of its own.
func ExampleRun() {
	metrics := prometheus.NewRegistry() // also has the metrics of the program
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := daemon.Run(ctx, daemon.Config{
		DatabaseURL: os.Getenv("DATABASE_URL"),
		Providers: []daemon.Provider{
			{Provider: sunoapi.Kie(), APIKey: os.Getenv("KIE_KEY"), WebhookSecret: os.Getenv("KIE_WEBHOOK_SECRET")},
			{Provider: acedata.Provider(), APIKey: os.Getenv("ACEDATA_KEY")},
		},
		Registerer: metrics,
		Logger:     slog.Default(),
	})
	if err != nil {
		slog.Error("tasksync ended", "error", err)
	}
}
