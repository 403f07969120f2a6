package configs_test

import (
	"fmt"

	"afterglow/configs"
)

func ExampleLoad() {
	config, err := configs.Load(configs.Sources{
		Env: []string{"AFTERGLOW_RTMP_CHUNKSIZE=64KB"},
		Set: []string{"rtmp.listen=127.0.0.1:0", "applications.stage.play.maxLag=2s"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.RTMP.Listen, config.RTMP.ChunkSize)
	fmt.Println(config.Application("live").Play.MaxLag, config.Application("stage").Play.MaxLag)

	_, err = configs.Load(configs.Sources{Set: []string{"rtmp.chunksize=4096", "log.level=loud"}})
	fmt.Println(err)
	// Output:
	// 127.0.0.1:0 64KB
	// 3s 2s
	// --set: rtmp.chunksize: unknown key: did you mean rtmp.chunkSize?
	// --set: log.level: "loud": allowed is debug, info, warn or error
}

func ExampleDiff() {
	old, changed := configs.Default(), configs.Default()
	changed.RTMP.Listen = ":1936"
	changed.Log.Level = configs.LevelDebug
	for _, change := range configs.Diff(old, changed) {
		fmt.Println(change.Key, change.Old, change.New, change.Reloadable)
	}
	// Output:
	// log.level info debug true
	// rtmp.listen :1935 :1936 false
}
