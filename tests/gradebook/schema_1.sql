-- A gradebook as the first version of the schema left it. COUNTED, NUMBER, FRACTION and MOMENT stand for each engine's words.
CREATE TABLE assignments (id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, rules TEXT NOT NULL);
CREATE TABLE students (id COUNTED PRIMARY KEY, name TEXT NOT NULL UNIQUE, identity TEXT NOT NULL, email TEXT NOT NULL);
CREATE TABLE enrolments (
    assignment TEXT NOT NULL REFERENCES assignments (id), student_id NUMBER NOT NULL REFERENCES students (id),
    extension_due MOMENT, extension_s FRACTION, PRIMARY KEY (assignment, student_id)
);
CREATE INDEX enrolments_of_student ON enrolments (student_id);
CREATE TABLE overrides (
    id COUNTED PRIMARY KEY, assignment TEXT NOT NULL, student_id NUMBER NOT NULL, points FRACTION,
    excused BOOLEAN NOT NULL, revoked BOOLEAN NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, time MOMENT NOT NULL,
    FOREIGN KEY (assignment, student_id) REFERENCES enrolments (assignment, student_id)
);
CREATE INDEX overrides_of_grade ON overrides (assignment, student_id);
CREATE TABLE submissions (
    id COUNTED PRIMARY KEY, assignment TEXT NOT NULL, student_id NUMBER NOT NULL, digest TEXT NOT NULL, name TEXT NOT NULL,
    submitted MOMENT, marked_late BOOLEAN NOT NULL, folder TEXT NOT NULL, recorded MOMENT NOT NULL,
    FOREIGN KEY (assignment, student_id) REFERENCES enrolments (assignment, student_id),
    UNIQUE (assignment, student_id, digest)
);
CREATE TABLE attempts (
    id COUNTED PRIMARY KEY, submission_id NUMBER NOT NULL REFERENCES submissions (id), evidence TEXT NOT NULL,
    seed NUMBER NOT NULL, accuracy FRACTION, correct NUMBER, judged NUMBER, recorded MOMENT NOT NULL,
    UNIQUE (submission_id, evidence)
);
CREATE TABLE results (
    id COUNTED PRIMARY KEY, submission_id NUMBER NOT NULL REFERENCES submissions (id), fingerprint TEXT NOT NULL,
    evidence TEXT NOT NULL, rubric TEXT NOT NULL, grader TEXT NOT NULL, status TEXT NOT NULL,
    points FRACTION NOT NULL, out_of FRACTION NOT NULL, pass_mark FRACTION NOT NULL,
    passed BOOLEAN NOT NULL, accuracy FRACTION, isolation TEXT NOT NULL, flags TEXT NOT NULL,
    recorded MOMENT NOT NULL
);
CREATE INDEX results_of_submission ON results (submission_id);
CREATE TABLE checks (
    result_id NUMBER NOT NULL REFERENCES results (id), position NUMBER NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL,
    outcome TEXT NOT NULL, points FRACTION NOT NULL, out_of FRACTION NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (result_id, position)
);
CREATE TABLE grader_schema (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO grader_schema VALUES ('1');
INSERT INTO assignments VALUES ('exercise2', 'Exercise 2',
    '{"assignment":"exercise2","title":"Exercise 2","out_of":100,"pass_mark":60,"due":"2026-11-20T23:59:00+01:00","late":{"per_day":0.1}}');
INSERT INTO students (name, identity, email) VALUES ('ada', '4711', 'ada@example.org'), ('bob', '', '');
INSERT INTO enrolments VALUES ('exercise2', 1, NULL, 86400.0), ('exercise2', 2, NULL, NULL);
INSERT INTO submissions (assignment, student_id, digest, name, submitted, marked_late, folder, recorded) VALUES
    ('exercise2', 1, 'first', 'ada.ipynb', '2026-11-22 12:00:00.000000', FALSE, 'ada', '2026-11-23 08:00:00.000000'),
    ('exercise2', 2, 'first', 'bob.ipynb', '2026-11-20 12:00:00.000000', FALSE, 'bob', '2026-11-23 08:00:00.000000');
INSERT INTO attempts (submission_id, evidence, seed, accuracy, correct, judged, recorded) VALUES
    (1, 'e1', 0, 0.9, 9, 10, '2026-11-23 08:00:00.000000');
INSERT INTO results (submission_id, fingerprint, evidence, rubric, grader, status, points, out_of, pass_mark, passed,
    accuracy, isolation, flags, recorded) VALUES
    (1, 'f1', 'e1', 'r1', '0.1.0', 'graded', 80, 100, 60, TRUE, 0.9, 'bubblewrap', '["borderline"]', '2026-11-23 08:00:00.000000'),
    (2, 'f2', 'e2', 'r1', '0.1.0', 'graded', 40, 100, 60, FALSE, 0.4, 'bubblewrap', '[]', '2026-11-23 08:00:00.000000');
INSERT INTO checks VALUES (1, 1, 'accuracy', 'Accuracy', 'partial', 80, 100, '');
INSERT INTO overrides (assignment, student_id, points, excused, revoked, author, reason, time) VALUES
    ('exercise2', 2, NULL, TRUE, FALSE, 'kim', 'ill', '2026-11-23 09:00:00.000000');
