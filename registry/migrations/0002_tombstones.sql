CREATE TABLE `tombstones` (
	`model` text NOT NULL,
	`version` text NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`reason` text NOT NULL,
	`swept_at` integer,
	PRIMARY KEY(`model`, `version`),
	FOREIGN KEY (`model`,`version`) REFERENCES `versions`(`model`,`version`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
-- A version's name is never free again: its row stays, and a tombstone whose blobs are gone stays too.
CREATE TRIGGER `versions_no_delete` BEFORE DELETE ON `versions`
BEGIN SELECT RAISE(ABORT, 'a version is never forgotten'); END;
--> statement-breakpoint
CREATE TRIGGER `tombstones_swept_stay` BEFORE DELETE ON `tombstones` WHEN OLD.`swept_at` IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'the blobs of this version are gone'); END;
