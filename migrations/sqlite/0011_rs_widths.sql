-- Texts have no bound here; the file keeps the numbers of the three databases equal.
SELECT 1;
