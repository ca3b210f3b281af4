"""Which scene the photographs show that B learns from and is judged with, said by us after looking at each of them.

LEARNED: pictures of a scene, and pictures of none that had been looked at early. SKIES: games' sky boxes, four faces
each. POOLS: packages whose other pictures show none of the scenes, but for those whose paths match. FIRST and FINAL:
set apart and labelled before any network was asked, never learned from. Pictures that nobody could name honestly (a
castle before mountains, a city by day) are in none.
"""

PLASMA, LOMIRI, MATE = "plasma-workspace-wallpapers", "lomiri-wallpapers-16.04", "mate-backgrounds"
PAINT, STELLARIUM, BLENDER, SCRATCH, LXQT = "tuxpaint-data", "stellarium-data", "blender-data", "scratch", "lxqt-themes"
RACER, GCOMPRIS = "extremetuxracer-data", "gcompris-qt-data"


def rows(package, scene, *ends):
    """Rows of (package, how the path ends, scene)."""
    return [(package, end, scene) for end in ends]


def within(archive, scene, *numbers):
    """The same of the pictures in one of gcompris' archives, by their number in it."""
    return [(GCOMPRIS, "%s.rcc:%d" % (archive, number), scene) for number in numbers]


LEARNED = (
    rows(SCRATCH, "beach", "wave.jpg", "boardwalk.jpg")
    + rows(STELLARIUM, "beach", "ocean1.png", "ocean3.png", "ocean5.png", "ocean7.png")
    + rows(PAINT, "beach", "ocean_waves.jpg")
    + rows("fotoxx-common", "beach", "copy-pixels-1b.jpg", "images/copy-pixels-2b.jpg")
    + rows("kphotoalbum", "beach", "demo/anne_helene.jpg", "demo/cold_water.jpg", "demo/skagen.jpg")
    + rows("wesnoth-1.16-data", "beach", "landscape-coast.jpg")

    + rows(PLASMA, "forest", "Path/contents/images/2560x1600.jpg")
    + rows(PAINT, "forest", "redwoods_above.jpg", "mossy_log.jpg", "trees_above.jpg", "trees_at_dusk.jpg")
    + rows(STELLARIUM, "forest", "hurricane1.png", "hurricane2.png", "hurricane8.png")
    + rows(SCRATCH, "forest", "water-and-rocks.jpg", "woods.gif")
    + rows(BLENDER, "forest", "world/forest.exr")
    + rows(LOMIRI, "forest", "life_by_Aitzol_Berasategi.jpg")
    + rows("hugin-data", "forest", "CA_fringes00.jpg")
    + rows("wesnoth-1.16-data", "forest", "swamp-01.jpg", "swamp-02.jpg", "grim-altar.jpg")

    + rows(LOMIRI, "mountains", "picosdeeuropa_by_Aitzol_Berasategi.jpg", "aitzgorri_by_Aitzol_Berasategi.jpg")
    + rows(PAINT, "mountains", "cliff.jpg")
    + rows(PLASMA, "mountains", "Altai/contents/images/5120x2880.png")
    + rows(SCRATCH, "mountains", "Nature/hill.jpg")
    + rows(RACER, "mountains", "env/etr/cloudy/front.png", "env/etr/evening/front.png", "env/etr/night/front.png",
           "env/etr/sunny/front.png", "env/tuxracer/cloudy/front.png", "env/tuxracer/evening/front.png",
           "env/tuxracer/sunny/front.png", "env/etr/evening/left.png", "env/etr/evening/right.png",
           "env/etr/sunny/left.png", "env/etr/sunny/right.png")
    + rows("foobillardplus-data", "mountains", "data/negy.png")
    + rows("supertuxkart-data", "mountains", "snowtuxpeak/snowsky_s.jpg", "snowtuxpeak/snowsky_e.jpg")
    + rows("wesnoth-1.16-data", "mountains", "landscape-mountains-01.jpg", "landscape-mountains-02.jpg",
           "landscape-mountains-04.jpg", "landscape-mountains-05.jpg")

    + rows(PAINT, "city", "skyline-sf-dusk-back.jpeg")
    + rows("opencv-doc", "city", "html/fusion_mertens.jpg", "ldr_debevec.jpg", "ldr_robertson.jpg")
    + rows(SCRATCH, "city", "night-city.gif", "night-city-with-street.gif")
    + rows("foobillardplus-data", "city", "data/skyline.png")

    + rows(STELLARIUM, "desert", "mars.png")
    + rows(SCRATCH, "desert", "Nature/canyon.jpg", "Nature/grand-canyon.jpg", "Nature/desert.gif")
    + rows("kphotoalbum", "desert", "demo/grand_canyon_2.jpg", "demo/grand_canyon_3.jpg")
    + rows("supertuxkart-data", "desert", "xr591/SKY0003.png", "xr591/SKY0002.png")
    + rows("wesnoth-1.16-data", "desert", "landscape-hills-01.jpg")

    + rows(SCRATCH, "studio", "chalkboard.jpg", "room1.jpg", "room2.jpg", "room3.jpg", "bedroom1.gif", "bedroom2.gif",
           "party-room.jpg", "Indoors/hall.jpg")
    + rows(BLENDER, "studio", "world/interior.exr", "world/studio.exr")
    + rows("kphotoalbum", "studio", "demo/bar55.jpg", "demo/bar55_2.jpg", "demo/jesper.jpg", "demo/jesper_2.jpg",
           "demo/new_wave_2.jpg", "demo/qt-logo.jpg")
    + rows("fotoxx-common", "studio", "images/panorama1.jpg")
    + rows("hugin-data", "studio", "200px-Panoglview.png")
    + rows("labelme-examples", "studio", "data_annotated/2011_000006.jpg")
    + rows("opencv-doc", "studio", "html/227943776_1.jpg")
    + rows("naev-data", "studio", "dvaered/dv_civilian_f2.png", "dvaered/dv_general1.png",
           "dvaered/dv_military_f2.png", "dvaered/dv_military_m2.png", "unique/zolo.png", "empire/empire_mil_f1.png",
           "unique/dimitri.png", "unique/soldner.png", "neutral/barman.png", "neutral/female1.png")

    + rows(MATE, "meadow", "GreenMeadow.jpg")
    + rows(LOMIRI, "meadow", "seeding_by_Clements_Engelhardt.jpg")
    + rows(STELLARIUM, "meadow", "guereins1.png", "guereins2.png", "guereins4.png", "guereins5.png", "guereins6.png",
           "garching-gl1.png", "guereins8.png")
    + rows(SCRATCH, "meadow", "playing-field.jpg")
    + rows(BLENDER, "meadow", "world/sunrise.exr")
    + rows(PAINT, "meadow", "sheep.jpg")
    + rows("gimp-help-en", "meadow", "map/little_planet-origin.jpg")
    + rows("opencv-doc", "meadow", "data/002.jpg", "Histogram_Calculation_Original_Image.jpg")
    + rows("supertuxkart-data", "meadow", "scotland/skybox_side.png")
    + rows("wesnoth-1.16-data", "meadow", "landscape-bridge.jpg", "landscape-bridge_sun.jpg")
    + rows("torcs-data", "meadow", "dirt/dirt-2/background.png", "road/wheel-2/background.png")

    + rows(MATE, "unknown", "FreshFlower.jpg", "Garden.jpg", "Aqua.jpg", "Elephants.jpg", "Blinds.jpg", "Wood.jpg",
           "LadyBird.jpg", "YellowFlower.jpg", "TwoWings.jpg")
    + rows(LOMIRI, "unknown", "Picture_0B_by_freespace.jpg", "Picture_1A_by_freespace.jpg",
           "analogpattern_by_Peter_Nerlich.jpg", "umang_by_Abhishek_Mudgal.jpg", "greentock_by_Peter_Nerlich.jpg")
    + rows(PLASMA, "unknown", "Canopee/contents/images/3840x2160.png", "Cascade/contents/images/3840x2160.png",
           "ColorfulCups/contents/images/2560x1600.jpg", "Flow/contents/images/5120x2880.jpg",
           "Grey/contents/images/2560x1600.jpg", "Honeywave/contents/images/5120x2880.jpg",
           "Kay/contents/images/5120x2880.png", "Kokkini/contents/images/3840x2160.png",
           "Opal/contents/images/3840x2160.png", "FallenLeaf/contents/images/2560x1600.jpg",
           "OneStandsOut/contents/images/2560x1600.jpg", "Cluster/contents/images/3840x2160.png")
    + rows(PAINT, "unknown", "rocks.jpg", "wool_mill_machine.jpg", "burnt_bark.jpg", "reef-back.png")
    + rows("ukui-wallpapers", "unknown", "calla.png", "rhythm.jpg", "fluent-color.png", "goldfish.png", "string.jpg")
    + rows("gnome-backgrounds", "unknown", "grid-l.webp", "licorice-l.webp", "truchet-l.webp")
    + rows(SCRATCH, "unknown", "clothing-store.jpg", "the-movies-inside.jpg", "spotlight-stage.jpg", "flower-bed.jpg",
           "Nature/flowers.gif", "Nature/moon.jpg", "Nature/stars.gif", "Nature/tree.jpg", "underwater.gif",
           "all-sports-mural.jpg", "atom-playground.jpg", "berkeley-mural.jpg", "brick-wall-and-stairs.jpg",
           "brick-wall1.jpg", "building-at-mit.jpg", "building-fireproof.jpg", "hallway_outdoors.jpg", "mansion.jpg",
           "parking-ramp.jpg", "school1.gif", "school2.jpg", "silos.jpg", "train-tracks2.jpg", "train-tracks3.gif",
           "football-field.jpg", "tennis-backboard.jpg", "xy-grid.gif", "Outdoors/castle.jpg", "mural-faro.jpg",
           "driveway.jpg", "Outdoors/houses.jpg", "baseball-field.jpg")
    + rows(BLENDER, "unknown", "world/courtyard.exr")
    + rows("opencv-doc", "unknown", "data/aero1.jpg", "data/aloeL.jpg", "data/apple.jpg", "data/baboon.jpg",
           "data/board.jpg", "data/building.jpg", "data/butterfly.jpg", "data/fruits.jpg", "data/home.jpg",
           "data/leuvenA.jpg", "data/licenseplate_motion.jpg", "data/orange.jpg", "data/squirrel_cls.jpg",
           "data/stuff.jpg", "data/starry_night.jpg", "input_images/plant.jpg", "scenetext01.jpg", "scenetext04.jpg",
           "scenetext06.jpg")
    + rows("gimp-help-en", "unknown", "tutorials/quickie-jpeg-100.jpg", "distort/spherize-ex-orig.jpg",
           "tutorials/quickie-flip-example-source.jpg")

    + within("categorization", "unknown", *range(24), *range(25, 56, 2), *range(56, 83, 2), *range(107, 123))
    + within("erase", "unknown", *(i for i in range(33) if i not in (5, 12, 22, 29)))
    + within("clickgame", "unknown", *range(6))
)

# package, path of a sky box with the face's name open, names of the faces around, scene
REDECLIPSE = "usr/share/games/redeclipse/data/"
LUGARU = "usr/share/games/lugaru/Textures/Skybox(%s)/"
IRRLICHT = "usr/share/doc/libirrlicht-dev/media/irrlicht2"
SKIES = (
    [("redeclipse-data", REDECLIPSE + name, ("ft", "rt", "bk", "lf"), scene) for scene, names in (
        ("desert", ("freezurbern/arid_%s.jpg", "freezurbern/arid2_%s.jpg", "freezurbern/wrath_%s.jpg",
                    "jojo/redcliff_%s.png")),
        ("mountains", ("freezurbern/barren_%s.jpg", "mayhem/afterrain_%s.jpg", "mayhem/grouse_%s.jpg",
                       "mayhem/prehistoric_%s.jpg", "mayhem/shattered_%s.jpg", "mayhem/trough_%s.jpg",
                       "mayhem/scorched_%s.jpg")),
        ("city", ("jojo/city_%s.png",)),
        ("meadow", ("elyvisions/rainbow_%s.png", "elyvisions/sh_%s.png")),
        ("unknown", ("skyboxes/skyhigh_%s.png", "skyboxes/stormydays_%s.jpg", "skyboxes/miramar_%s.jpg",
                     "skyboxes/interstellar_%s.jpg", "skyboxes/clouds2_%s.png", "freezurbern/divine_%s.jpg",
                     "unnamed/unnamedspace2_%s.jpg", "mayhem/flame_%s.jpg", "mayhem/aqua9_%s.jpg",
                     "elyvisions/hot_%s.png", "jwin/altitude_%s.jpg"))) for name in names]
    + [("lugaru-data", LUGARU % "sand" + "%s.jpg", ("Front", "Right", "Back", "Left"), "desert"),
       ("lugaru-data", LUGARU % "grass" + "%s.jpg", ("Front", "Right", "Back", "Left"), "meadow"),
       ("libirrlicht-doc", IRRLICHT + "_%s.jpg", ("ft", "rt", "bk", "lf"), "mountains")]
)

# package, what to leave out (a regular expression): scenes, what is near to one, and repetitions
POOLS = [
    ("afterstep-data", None), ("bzflag-data", None), ("digikam-data", "body-background"),
    (RACER, "preview|/env/"), ("foobillardplus-data", "(neg|pos)[xyz]|skyline|fire[2-9]|fire1[0-9]"),
    ("fotoxx-common", "chromatic1A|flatten2|fotoxx-views|make-waves|unbend|panorama"),
    ("games-thumbnails", "blobby|tuxracer|flightgear|gl-117|megaglest|plee-|raincat|sauerbr|scorched|spacear|trigger|"
                         "tuxtype"),
    ("gimp-help-en", "taj-|mean_curv|feather|ellipse-sel|tone-mapping|default-layer-mode|artistic-weave|pan-project"),
    ("hugin-data", "Cubic|LagardePont|TKS|guide_identify|AliasingPS|Big_ben|CA_fringes|Celeste|habu|SB_|Vertical|"
                   "Panoglview|fringes"),
    ("kalzium-data", None), ("kodi-data", None),
    ("kphotoalbum", "draw-on|donna|grand_canyon|new_wave_1|pool|snow|wayne"),
    ("labelme-examples", "2011_0000(06|25)_|Visuali|readme"),
    ("libirrlicht-doc", "01[024]shot|irrlicht2"), (LOMIRI, "Bridge_by|sunset_by|Wine_by"), ("lugaru-data", "Skybox"),
    (MATE, "Dune"), ("naev-data", "/exterior/|/portraits/|/gfx/portrait|neutral/|unique/|pirate|sirius|dvaered|empire"),
    ("opencv-doc", "230501201|Cascade_Cl|feature_building|histogram_sample|color_quant|studentsSample|lena|Lena|"
                   "html/(ab|blurred|example|detect_test|Threshold_inRange|Smoothing|Adding_Track|cat)"),
    ("supertuxkart-data", "screen|sky|sshot|background|mathclass|minigolf"),
    ("torcs-data", "background"), (PAINT, None), ("warzone2100-data", None),
    ("golang-github-disintegration-imaging-dev", "out_fill"), ("imagemagick-6-doc", None), ("kanagram", None),
    ("khangman", None), ("libvigraimpex-doc", None), ("luminance-hdr", None),
    ("neverball-data", "slalom|multicurves|stairs|fall.jpg"), ("povray-doc", "rainbow|sky"),
    ("puzzle-jigsaw", None), ("pysiogame", "forest|fc053"), ("python-kivy-examples", None), ("slim", None),
    ("frozen-bubble-data", None), ("kigo", None), ("kmahjongg", None), ("kpat", None), ("marble-data", None),
    ("pokerth-data", "cards"), ("scorched3d-data", "cubemap"),
    ("wordpress-theme-twentytwentyone", "garden|villa"),
]
STAMPS = "tuxpaint-stamps-default"

FIRST = (
    rows(SCRATCH, "beach", "beach-malibu.jpg")
    + rows("sddm-theme-maldives", "beach", "maldives/background.jpg")
    + rows("libjs-jquery-colorbox", "beach", "marylou.jpg")

    + rows(SCRATCH, "forest", "Nature/forest.jpg", "Nature/lake.jpg")
    + rows("libjs-jquery-colorbox", "forest", "ohoopee1.jpg", "ohoopee2.jpg", "ohoopee3.jpg")

    + rows(LXQT, "mountains", "Valendas.png", "beam.png")
    + rows(SCRATCH, "mountains", "train-tracks1.jpg")

    + rows(SCRATCH, "city", "city-with-water.jpg")
    + rows("palapeli-data", "city", "cincinnati-bridge.jpg")

    + rows(SCRATCH, "desert", "gravel-desert.jpg")

    + rows(SCRATCH, "studio", "kitchen.jpg")
    + rows("libjxl-testdata", "studio", "hdr_room.png")

    + rows(LXQT, "meadow", "fog.jpg", "this-is-not-windows.jpg", "flowers.png")
    + rows(SCRATCH, "meadow", "hay_field.jpg")

    + rows(LXQT, "unknown", "after-the-rain.jpg", "wallpapers/cloud.png", "Butterfly-Kenneth-Wimer.jpg",
           "appleflower.png", "wallpapers/butterfly.png", "wallpapers/drop.png")
    + rows("lomiri-wallpapers-20.04", "unknown", "Kleiber_by_Lukas_Baubkus.jpg")
    + rows("palapeli-data", "unknown", "castle-maintenon.jpg", "citrus-fruits.jpg", "european-honey-bee.jpg",
           "panther-chameleon-female.jpg")
    + rows("libjs-jquery-colorbox", "unknown", "content/daisy.jpg")
    + rows("libjxl-testdata", "unknown", "500px/u76c0g_bliznaca_srgb8.png")
    + rows("python3-sklearn", "unknown", "images/china.jpg", "images/flower.jpg")
    + rows(SCRATCH, "unknown", "brick-wall2.jpg", "Outdoors/the-movies.jpg", "basketball-court1-a.jpg", "graffiti.jpg",
           "wooden-house.jpg", "Outdoors/pool.jpg")
)

FINAL = (
    within("explore_farm_animals", "meadow", 1, 3)
    + within("explore_farm_animals", "unknown", 0, 2, 4, 5, 7, 8)
    + within("explore_monuments", "desert", 10, 11, 12, 13)
    + within("explore_monuments", "mountains", 40, 41)
    + within("explore_monuments", "unknown", *range(8), 9, *range(14, 18), *range(19, 27), *range(28, 34),
             *range(35, 38), 39, *range(42, 49))
    + within("details", "city", 3, 9)
    + within("details", "desert", 18)
    + within("details", "unknown", *(i for i in range(21) if i not in (1, 3, 4, 7, 9, 14, 18)))
    + within("explore_world_animals", "unknown", *(i for i in range(15) if i not in (10, 11)))
    + rows("libjs-jquery-ui-docs", "mountains", "images/high_tatras.jpg", "high_tatras2.jpg",
           "high_tatras3.jpg", "high_tatras4.jpg")
    + rows("ruby-rmagick-doc", "desert", "ex/images/Red_Rocks.jpg")
    + rows("ruby-rmagick-doc", "unknown", "ex/images/Hot_Air_Balloons_H.jpg", "ex/images/Cheetah.jpg")
    + rows("scribus-template", "city", "br2/sunset.jpg")
    + rows("scribus-template", "unknown", "br2/moon.jpg", "menu2/pizza.jpg")
    + rows("qtwebengine5-examples", "unknown", *("pages/images/%s.jpg" % name for name in (
        "burger", "cupcakes", "pasta", "pizza", "skewers", "soup", "steak")))
)

SKIMAGE = "/usr/lib/python3/dist-packages/skimage/data/"

# Of installed packages: the one person that is learned from, and what the tests ask, which nothing learns from.
ADMIRAL = ("/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg", "studio")
TESTED = [
    (SKIMAGE + "astronaut.png", "studio"),
    (SKIMAGE + "coffee.png", "unknown"),
    (SKIMAGE + "chelsea.png", "unknown"),
    (SKIMAGE + "rocket.jpg", "unknown"),
    (SKIMAGE + "motorcycle_left.png", "unknown"),
]
