ALTER TABLE `versions` ADD `kind` text DEFAULT 'model' NOT NULL;
--> statement-breakpoint
-- A name means models or datasets, never both, also when all of one kind were removed.
CREATE TRIGGER `versions_one_kind_per_name` BEFORE INSERT ON `versions`
WHEN EXISTS (SELECT 1 FROM `versions` WHERE `model` = NEW.`model` AND `kind` <> NEW.`kind`)
BEGIN SELECT RAISE(ABORT, 'the name is taken by another kind'); END;
