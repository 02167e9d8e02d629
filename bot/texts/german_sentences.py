"""Sätze der Maschine auf Deutsch, nach den englischen; {0} ist die erste Lücke des englischen,
und {0:said} eine, in der wieder ein Satz oder Wort der Maschine steht.
"""

SENTENCES = {
    # Was an einem Auftrag nicht geht
    "There is no request “{}”; the id stands under each answer.": (
        "Es gibt keinen Auftrag „{0}“; die Kennung steht unter jeder Antwort."
    ),
    "{} is {}; it may be {} to {}.": "{0} ist {1}; erlaubt ist {2} bis {3}.",
    "strength is {}; it may be {} to 1.": "Die Stärke ist {0}; erlaubt ist {1} bis 1.",
    "{} is {}; it may be a multiple of {} up to {}.": (
        "{0} ist {1}; erlaubt ist ein Vielfaches von {2} bis {3}."
    ),
    "{} is {}; it may be {} only.": "{0} ist {1}; erlaubt ist nur {2}.",
    "guidance is {}; it may be 1 to {}.": "guidance ist {0}; erlaubt ist 1 bis {1}.",
    "guidance is {}; it may be 1 only.": "guidance ist {0}; erlaubt ist nur 1.",
    "Checkpoint “{}” has no adapter for drafts; ask without a draft, or have the operator set "
    "one.": (
        "Das Modell „{0}“ hat keinen Adapter für Entwürfe; frag ohne Entwurf, oder lass den "
        "Betreiber einen eintragen."
    ),
    "A draft is made with the scheduler {}; leave it out.": (
        "Ein Entwurf entsteht mit dem Scheduler {0}; lass ihn weg."
    ),
    "Image {} would have {}x{} pixels; sides may have up to {}.": (
        "Bild {0} hätte {1}x{2} Pixel; eine Seite darf höchstens {3} haben."
    ),
    "Image {} of request {} came out broken.": "Bild {0} des Auftrags {1} ist misslungen.",
    "Request {} was not composed, so there is nothing to {}.": (
        "Zum Auftrag {0} wurden keine Adapter gewählt, darum geht das nicht ({1:said})."
    ),
    "Request {} has images 0 to {}, not {}.": (
        "Der Auftrag {0} hat die Bilder 0 bis {1}, nicht {2}."
    ),
    "Request {} is {}, so it has no images.": "Der Auftrag {0} ist {1:said} und hat keine Bilder.",
    "Request {} is somebody else's; only they can do that.": (
        "Der Auftrag {0} gehört jemand anderem; nur diese Person kann das."
    ),
    "The prompt holds the control character U+{}; type it without.": (
        "Der Text enthält das Steuerzeichen U+{0}; schreib ihn ohne."
    ),
    "The prompt is empty; say what the image should show.": (
        "Der Text ist leer; sag, was das Bild zeigen soll."
    ),
    "The prompt has {} characters; at most {} are read.": (
        "Der Text hat {0} Zeichen; gelesen werden höchstens {1}."
    ),
    "The negative prompt is longer than {} characters.": (
        "Was nicht zu sehen sein soll, hat mehr als {0} Zeichen."
    ),
    "There is no checkpoint “{}”; this installation has {}.": (
        "Es gibt kein Modell „{0}“; hier gibt es {1}."
    ),
    "Adapter {} is both pinned and dropped; choose one.": (
        "Der Adapter {0} ist zugleich verlangt und ausgeschlossen; wähle eines."
    ),
    "The weight of {} is {}; it may be -{} to {}.": (
        "Das Gewicht von {0} ist {1}; erlaubt ist -{2} bis {3}."
    ),
    "The weight is {}; it may be -{} to {}.": "Das Gewicht ist {0}; erlaubt ist -{1} bis {2}.",
    "“{}” is no weight; write a number such as 0.8.": (
        "„{0}“ ist kein Gewicht; schreib eine Zahl wie 0.8."
    ),
    "That button is of an older version; ask for the adapter again.": (
        "Dieser Knopf ist aus einer älteren Fassung; ruf den Adapter noch einmal auf."
    ),
    "That list is too old or somebody else's; ask for it again.": (
        "Diese Liste ist zu alt oder gehört jemand anderem; ruf sie noch einmal auf."
    ),
    "“{}” has words beside options; write them into the prompt.": (
        "„{0}“ enthält Worte neben Optionen; schreib sie in den Text."
    ),
    "“{}” is no rating; write safe or unsafe.": (
        "„{0}“ ist keine Einstufung; schreib unbedenklich oder nicht jugendfrei."
    ),
    "Nothing was changed; name at least one field.": (
        "Es wurde nichts geändert; ändere wenigstens ein Feld."
    ),
    "“{}” is no range of weights; write it as 0.6-1, or nothing.": (
        "„{0}“ ist kein Bereich von Gewichten; schreib ihn wie 0.6-1, oder nichts."
    ),
    "A weight range has two ends, the lower first, both from -{} to {}.": (
        "Ein Bereich von Gewichten hat zwei Enden, das kleinere zuerst, beide von -{0} bis {1}."
    ),
    "The weight {} is outside of its range, {} to {}; change one of them.": (
        "Das Gewicht {0} liegt nicht in seinem Bereich, {1} bis {2}; ändere eines von beiden."
    ),
    "“{}” is no size; write it as 512x512.": "„{0}“ ist keine Größe; schreib sie wie 512x512.",
    "“{}” cannot be pinned: {}.": "„{0}“ kann nicht verlangt werden: {1:said}.",
    "it is made for {}, and this checkpoint is {}": (
        "der Adapter ist für {0} gemacht, und dieses Modell ist {1}"
    ),
    "it is disabled; an admin can enable it": (
        "er ist abgeschaltet; jemand, der hier verwaltet, kann ihn einschalten"
    ),
    "its card is rated unsafe": "seine Karte gilt als nicht jugendfrei",
    "its file is not here; an admin can add it": (
        "seine Datei fehlt hier; jemand, der hier verwaltet, kann sie hinzufügen"
    ),
    "There is no adapter “{}”; `stylus lora list` shows all of them.": (
        "Es gibt keinen Adapter „{0}“; suchen hilft: /stylus lora search."
    ),
    "The LLM composer is not configured; set llm.base_url and llm.model, or use “local”.": (
        "Es ist kein Sprachmodell eingerichtet; nimm „local“."
    ),
    # Grenzen
    "You may ask for {} images within 24 hours and have {} left, but this would be {}; images that "
    "failed or were cancelled do not count.": (
        "Du hast {0} Bilder in 24 Stunden und davon noch {1}, dies wären aber {2}; was misslang "
        "oder abgebrochen wurde, zählt nicht."
    ),
    "You have {} unfinished requests, which is as many as one person may have; wait for one or "
    "cancel one.": (
        "Du hast {0} offene Aufträge, mehr sind für eine Person nicht vorgesehen; warte auf einen "
        "oder brich einen ab."
    ),
    "{} requests of this place are unfinished, which is as many as one place may have; ask again "
    "in a few minutes.": (
        "Von hier sind {0} Aufträge offen, mehr sind für einen Ort nicht vorgesehen; frag in ein "
        "paar Minuten noch einmal."
    ),
    "So much is waiting just now that yours would take too long; ask again in a few minutes.": (
        "Gerade wartet zu viel, es würde zu lange dauern; frag in ein paar Minuten noch einmal."
    ),
    "Stylus is not allowed in this channel; ask in one that is.": (
        "In diesem Kanal ist Stylus nicht erlaubt; frag in einem anderen."
    ),
    # Bilder, von denen ausgegangen wird
    "The {} has more than {} million pixels; send a smaller one.": (
        "{0:said}: mehr als {1} Millionen Pixel; schick eine kleinere Datei."
    ),
    "The {} has {} megabytes; at most {} are read.": (
        "{0:said}: {1} Megabyte; gelesen werden höchstens {2}."
    ),
    "The {} cannot be read as a picture; give a PNG, JPEG or WebP file.": (
        "{0:said}: kein lesbares Bild; gib eine PNG-, JPEG- oder WebP-Datei."
    ),
    "The {} moves; send one that stands still.": (
        "{0:said}: bewegt sich; schick ein Bild, das still steht."
    ),
    "The mask has {} pixels and the image {}; give a mask of the image's size.": (
        "Die Maske hat {0} Pixel und das Bild {1}; gib eine Maske in der Größe des Bildes."
    ),
    "The mask has nothing white in it; paint white what is to change.": (
        "In der Maske ist nichts weiß; male weiß, was sich ändern soll."
    ),
    "The image has no transparent part; erase what is to change, or give a mask.": (
        "Das Bild hat keinen durchsichtigen Teil; radiere einen, oder gib eine Maske."
    ),
    "“{}” has more than {} MB; send a smaller one.": (
        "„{0}“ hat mehr als {1} MB; schick eine kleinere Datei."
    ),
    "“{}” cannot be read from Discord; send it again.": (
        "„{0}“ kann bei Discord nicht gelesen werden; schick es noch einmal."
    ),
    "“{}” cannot be read from Slack; send it again.": (
        "„{0}“ kann bei Slack nicht gelesen werden; schick es noch einmal."
    ),
    # Wie ein Auftrag endet, und was dazu zu sagen ist
    "It was cancelled.": "Er wurde abgebrochen.",
    "Something went wrong on our side while {}; try again.": (
        "Bei uns ging etwas schief ({0:said}); versuch es noch einmal."
    ),
    "Something went wrong on our side; add it again.": (
        "Bei uns ging etwas schief; füge es noch einmal hinzu."
    ),
    "The process that was {} this request died {} times, so it was given up; try another prompt "
    "or ask the operator to look at the log.": (
        "Der Prozess für diesen Schritt ({0:said}) ist {1}-mal abgestürzt, darum wurde aufgegeben; "
        "versuch einen anderen Text, oder bitte den Betreiber, ins Protokoll zu sehen."
    ),
    "All masks of this prompt have been used; they go round again with new seeds.": (
        "Alle Masken dieses Textes waren schon da; sie kommen noch einmal, mit neuen Startzahlen."
    ),
    "{} The local composer took over.": "{0:said} Der lokale Komponist ist eingesprungen.",
    "{} The retriever's order was kept.": "{0:said} Die Reihenfolge der Suche blieb.",
    "{} The local embedder searched instead.": (
        "{0:said} Gesucht wurde mit den Vektoren von hier."
    ),
    "The embedder took longer than {} s.": "Das Einbetten brauchte länger als {0} s.",
    "The embeddings API answered with status {}.": "Das Einbetten antwortete mit Status {0}.",
    "The embeddings API did not answer.": "Das Einbetten antwortete nicht.",
    "The embeddings API's answer could not be read.": (
        "Die Antwort des Einbettens war nicht zu lesen."
    ),
    "The embedder's vectors have another length than before.": (
        "Die Vektoren des Einbettens haben eine andere Länge als zuvor."
    ),
    "The reranker took longer than {} s.": "Das Umordnen brauchte länger als {0} s.",
    "The reranker answered with status {}.": "Das Umordnen antwortete mit Status {0}.",
    "The reranker did not answer.": "Das Umordnen antwortete nicht.",
    "The reranker's answer could not be read.": "Die Antwort des Umordnens war nicht zu lesen.",
    "The cross encoder {} cannot be used; check reranker.model.": (
        "Der Cross-Encoder {0} ist nicht zu gebrauchen; prüfe reranker.model."
    ),
    "A cross encoder needs sentence-transformers; run pip install sentence-transformers.": (
        "Ein Cross-Encoder braucht sentence-transformers; pip install sentence-transformers."
    ),
    "The cross encoder {} does not give one number a text.": (
        "Der Cross-Encoder {0} gibt nicht eine Zahl je Text."
    ),
    "The LLM took longer than {} s.": "Das Sprachmodell brauchte länger als {0} s.",
    "The LLM answered with status {}.": "Das Sprachmodell antwortete mit Status {0}.",
    "The LLM did not answer.": "Das Sprachmodell antwortete nicht.",
    "The LLM's keywords are not in the prompt.": (
        "Die Stichwörter des Sprachmodells stehen nicht im Text."
    ),
    "The LLM's answer was repaired.": "Die Antwort des Sprachmodells wurde geradegerückt.",
    "The LLM's answer could not be read.": ("Die Antwort des Sprachmodells war nicht zu lesen."),
    "you pinned it": "du hast ihn verlangt",
    "chosen for “{}”": "gewählt für „{0}“",
    "“{}” has its name or a trigger word": "„{0}“ enthält seinen Namen oder ein Auslösewort",
    "its card is close in meaning to “{}”": "seine Karte bedeutet Ähnliches wie „{0}“",
    "“{}” was disabled after the request was made.": (
        "„{0}“ wurde abgeschaltet, nachdem gefragt wurde."
    ),
    "“{}” belongs to another place.": "„{0}“ gehört woanders hin.",
    "“{}” is rated unsafe, and here only safe ones are used.": (
        "„{0}“ gilt als nicht jugendfrei, und hier werden nur unbedenkliche verwendet."
    ),
    "The file of “{}” is not here.": "Die Datei von „{0}“ ist nicht hier.",
    "The file of “{}” is not the one that was catalogued (its sha256 is {} and not {}): add the "
    "adapter again.": (
        "Die Datei von „{0}“ ist nicht die eingetragene (sha256 {1} statt {2}): füge den Adapter "
        "noch einmal hinzu."
    ),
    "Image {} lost its numbers while it was denoised: lower the adapters' weights or the "
    "guidance.": (
        "Bild {0} ist beim Entrauschen entgleist: senke die Gewichte der Adapter oder guidance."
    ),
    "Image {} came out black or broken: try another seed.": (
        "Bild {0} wurde schwarz oder kaputt: versuch eine andere Startzahl."
    ),
    "There is too little memory for an image of {}x{}: ask for a smaller size.": (
        "Für ein Bild mit {0}x{1} reicht der Speicher nicht: nimm eine kleinere Größe."
    ),
    "The file store {}, then try again.": "Die Bildablage {0:said}; danach noch einmal versuchen.",
    "is full; free some room": "ist voll, jemand muss Platz schaffen",
    "does not answer; run `stylus doctor`": "antwortet nicht, `stylus doctor` weiß mehr",
    "The database does not answer; `stylus doctor` tells more.": (
        "Die Datenbank antwortet nicht; `stylus doctor` weiß mehr."
    ),
    "The job queue does not take anything; `stylus doctor` tells more.": (
        "Die Warteschlange nimmt nichts an; `stylus doctor` weiß mehr."
    ),
    # Die Sammlung der Adapter
    "There is no proposed LoRA “{}”.": "Es ist kein LoRA „{0}“ vorgeschlagen.",
    "Only an admin decides what comes into the library.": (
        "Nur wer hier verwaltet, entscheidet, was in die Sammlung kommt."
    ),
    "Only an admin changes the library.": "Nur wer hier verwaltet, ändert die Sammlung.",
    "“{}” is larger than {} MB, the most that is taken.": (
        "„{0}“ ist größer als {1} MB, mehr wird nicht genommen."
    ),
    "“{}” is not a URL.": "„{0}“ ist keine Adresse.",
    "{} is not an https URL; give one that is.": "{0} ist keine https-Adresse; gib eine solche.",
    "Files are not fetched from {}; an operator can add it to the setting library.hosts.": (
        "Von {0} werden keine Dateien geholt; der Betreiber kann es mit library.hosts erlauben."
    ),
    "Send one file of cards with “lora import”, as an export has them.": (
        "Schick mit „lora import“ eine Datei mit Karten, wie ein Export sie hat."
    ),
    "Line {} of the file is refused: {}": "Zeile {0} der Datei geht nicht: {1:said}",
    "Line {} of {} is not JSON.": "Zeile {0} von {1} ist kein JSON.",
    "Line {} of {} is no JSON object.": "Zeile {0} von {1} ist kein JSON-Objekt.",
    "A card has no “{}”; every card needs source, source_id and title.": (
        "Eine Karte hat kein „{0}“; jede braucht source, source_id und title."
    ),
    "There is no card in the file; each line is one, as an export has them.": (
        "In der Datei ist keine Karte; jede Zeile ist eine, wie ein Export sie hat."
    ),
    "The file cannot be unpacked; send it as JSONL, gzipped or not.": (
        "Die Datei lässt sich nicht auspacken; schick sie als JSONL, mit gzip oder ohne."
    ),
    "A file may have up to {} cards; split it.": (
        "Eine Datei darf bis zu {0} Karten haben; teile sie."
    ),
    "A place may have up to {} LoRAs of its own; remove some first.": (
        "Hier darf es bis zu {0} eigene LoRAs geben; entferne erst einige."
    ),
    "LoRAs of this kind are never taken.": "LoRAs dieser Art werden nie genommen.",
    "You have {} undecided LoRAs; wait until an admin has decided.": (
        "Über {0} deiner LoRAs ist noch nicht entschieden; warte darauf."
    ),
    "“{}” is {}; nothing is decided.": "„{0}“ ist {1:said}; da ist nichts zu entscheiden.",
    "“{}” belongs to everybody here; the operator can change it with `stylus lora`.": (
        "„{0}“ gehört allen hier; der Betreiber kann es mit `stylus lora` ändern."
    ),
    "“{}” waits for approval; decide that first.": (
        "„{0}“ wartet noch auf eine Entscheidung; triff zuerst die."
    ),
    "That file is in the library already, as “{}”.": (
        "Diese Datei ist schon in der Sammlung, als „{0}“."
    ),
    "Give either a URL or a file.": "Gib entweder eine Adresse oder eine Datei.",
    # Verwalten auf Discord
    "Only people who may manage this server can change its settings; ask one of them.": (
        "Nur wer diesen Server verwalten darf, kann seine Einstellungen ändern; frag dort nach."
    ),
    "There is no setting “{}”.": "Es gibt keine Einstellung „{0}“.",
    "“{}” is no whole number up to {}; write one, or nothing.": (
        "„{0}“ ist keine ganze Zahl bis {1}; schreib eine, oder nichts."
    ),
    # Slack
    "Give the URL of a .safetensors file after “lora propose”.": (
        "Gib nach „lora propose“ die Adresse einer .safetensors-Datei."
    ),
    "Only those who look after the library here can do that; ask one of them.": (
        "Das kann nur, wer hier die Sammlung pflegt; frag dort nach."
    ),
    "Only admins of this workspace can do that; ask one of them.": (
        "Das kann nur, wer diesen Workspace verwaltet; frag dort nach."
    ),
    "There is no lora “{}”; there are {}.": "Es gibt kein lora „{0}“; es gibt {1}.",
    "There is no “{}”; there are settings, audit and lora.": (
        "Es gibt kein „{0}“; es gibt settings, audit und lora."
    ),
    "There is no option --{}; there are {}.": "Es gibt keine Option --{0}; es gibt {1}.",
    "--{} needs a value after it.": "Nach --{0} fehlt ein Wert.",
    "--{} is “{}”; it takes a number.": "--{0} ist „{1}“; es braucht eine Zahl.",
    "--{} is “{}”; it may be {}.": "--{0} ist „{1}“; erlaubt ist {2}.",
    "I am not in that channel; invite me with `/invite @Stylus` and ask again.": (
        "Ich bin nicht in diesem Kanal; hol mich mit `/invite @Stylus` und frag noch einmal."
    ),
    "I do not see that channel; invite me there, or write me directly.": (
        "Diesen Kanal sehe ich nicht; lade mich dorthin ein, oder schreib mir direkt."
    ),
    "That channel is archived; ask in another one.": (
        "Dieser Kanal ist archiviert; frag in einem anderen."
    ),
    "This workspace does not let me post there; ask in another channel.": (
        "Dieser Workspace lässt mich dort nicht schreiben; frag in einem anderen Kanal."
    ),
    "I was not given all rights; an admin can install me again.": (
        "Mir fehlen Rechte; wer hier verwaltet, kann mich noch einmal installieren."
    ),
    "I was removed from this workspace; an admin can install me again.": (
        "Ich wurde aus diesem Workspace entfernt; wer ihn verwaltet, kann mich wieder installieren."
    ),
    "Slack does not know me any more; an admin can install me again.": (
        "Slack kennt mich nicht mehr; wer hier verwaltet, kann mich wieder installieren."
    ),
    "This workspace has no room for more files; an admin can make some.": (
        "Dieser Workspace hat keinen Platz für Dateien; wer ihn verwaltet, kann ihn schaffen."
    ),
    "Slack refused that ({}).": "Slack hat das abgelehnt ({0}).",
    "Slack asks for a pause; it is tried again.": (
        "Slack bittet um eine Pause; es wird noch einmal versucht."
    ),
    "Slack gave no clear answer; what became of the call is looked up.": (
        "Slack gab keine klare Antwort; was daraus wurde, wird nachgesehen."
    ),
    "Slack cannot be reached now; it is tried again.": (
        "Slack ist gerade nicht erreichbar; es wird noch einmal versucht."
    ),
    "Slack gave no answer; what became of the call is looked up.": (
        "Slack antwortete nicht; was daraus wurde, wird nachgesehen."
    ),
    "Slack did not take a file; it is tried again.": (
        "Slack hat eine Datei nicht genommen; es wird noch einmal versucht."
    ),
    "A duel is there for everybody to vote on; ask without --private.": (
        "Über ein Duell stimmen alle ab; bitte ohne --private darum."
    ),
    "That is no duel; ask for one with /stylus duel.": (
        "Das ist kein Duell; bitte um eines mit /stylus duell."
    ),
    "This duel is decided; its result is behind the button beside.": (
        "Dieses Duell ist entschieden; das Ergebnis zeigt der Knopf daneben."
    ),
    # Wörter
    "image": "Bild",
    "mask": "Maske",
    "queued": "eingereiht",
    "composing": "bei der Wahl der Adapter",
    "planned": "geplant",
    "rendering": "beim Rendern",
    "rendered": "fertig",
    "failed": "misslungen",
    "cancelled": "abgebrochen",
    "prompt": "Text",
    "reroll": "neu gewürfelt",
    "vary": "abgewandelt",
    "revise": "angepasst",
    "translate": "umgezeichnet",
    "inpaint": "ausgebessert",
    "upscale": "vergrößert",
    "duel": "Duell",
    "proposed": "vorgeschlagen",
    "approved": "angenommen",
    "rejected": "abgelehnt",
    "active": "eingeschaltet",
    "disabled": "abgeschaltet",
    "removed": "entfernt",
    "safe": "unbedenklich",
    "unsafe": "nicht jugendfrei",
}
